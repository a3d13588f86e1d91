// MicroPython's unix port on x86-64 Linux: memory at a fixed address that the image is read into, then closed for
// writing.
// It stands for flash in development and tests: whoever writes to it ends with a segmentation fault.
#include "xip.h"

enum { ADDRESS, SIZE, CLOSE };

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__ ("r10") = d, r8 __asm__ ("r8") = e, r9 __asm__ ("r9") = f;
    long result;
    __asm__ volatile ("syscall" : "=a" (result) : "a" (number), "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
                      : "rcx", "r11", "memory");
    return result;
}

int xip_map(const word *w) {
    if (w[CLOSE]) {
        return call(10, w[ADDRESS], w[SIZE], 1, 0, 0, 0) ? XIP_REFUSED : XIP_MAPPED;   // mprotect, PROT_READ
    }
    // mmap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
    return call(9, w[ADDRESS], w[SIZE], 3, 0x100022, -1, 0) == (long)w[ADDRESS] ? XIP_MAPPED : XIP_IN_USE;
}
