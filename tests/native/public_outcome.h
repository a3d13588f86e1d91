// Included before everything when constant time is checked: tells memcheck that the outcome of a check is public.
// The sources mark such outcomes with SC_PUBLIC: whether an encoding is valid, a sum zero, a tag genuine.
#include <valgrind/memcheck.h>

static inline int sc_public(int outcome) {
    (void)VALGRIND_MAKE_MEM_DEFINED(&outcome, sizeof(outcome));
    return outcome;
}
#define SC_PUBLIC(outcome) sc_public(outcome)
