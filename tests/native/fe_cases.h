// failed: two bytes a case of CASES: wrong value, limbs larger than the reduced bounds.
#include <stdint.h>
void fe_cases(uint8_t *failed);
