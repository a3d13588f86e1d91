// fe.h: integers mod p = 2^255 - 19, one interface over four representations.
//
//   SC_FE  file      limbs   made for
//   29     fe_29.h   9 x 29  rv32 and Xtensa (no carry flag: carries are never made),
//                            Cortex-M3 (64-bit accumulators)
//   32     fe_32.h   8 x 32  Cortex-M4/M7/M33: UMAAL
//   13     fe_13.h  20 x 13  Cortex-M0+: products of 32 bits are all there is
//   51     fe_51.h   5 x 51  64-bit cores
//
// Weights. What comes out of fe_mul, fe_sqr, fe_addmul_a24, fe_frombytes, fe_carry,
// or from constants is *reduced*: weight 1. Sums and differences stay partly
// unreduced:  weight(f + g) = weight(f) + weight(g),  weight(f - g) = weight(f) + 2.
// Rules the callers keep (and edwards.c states beside each formula):
//   fe_sub          g must be reduced
//   fe_mul(h,f,g)   weight(f) * weight(g) <= 20
//   fe_cmov, fe_tobytes, fe_isneg, ...  any weight up to 5
// All functions are constant time and allow h to be f or g.
#ifndef SC_FE_H
#define SC_FE_H

#include <stddef.h>
#include <stdint.h>

#ifndef SC_FE
#if defined(__SIZEOF_INT128__)
#define SC_FE 51
#elif defined(__ARM_ARCH_6M__)
#define SC_FE 13
#elif defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define SC_FE 32
#else
#define SC_FE 29
#endif
#endif

#if SC_FE == 51
typedef uint64_t fe_limb;
#define FE_LIMBS 5
#elif SC_FE == 29
typedef uint32_t fe_limb;
#define FE_LIMBS 9
#elif SC_FE == 32
typedef uint32_t fe_limb;
#define FE_LIMBS 8
#elif SC_FE == 13
typedef int32_t fe_limb;
#define FE_LIMBS 20
#else
#error "SC_FE must be 13, 29, 32 or 51"
#endif

typedef struct {
    fe_limb v[FE_LIMBS];
} fe;

// How a table of points keeps its coordinates (13-bit limbs fit in 16 bits).
// FE_UNPACK(packed, scratch) is a pointer to the element, unpacked into scratch if need be.
#if SC_FE == 13
typedef struct {
    int16_t v[FE_LIMBS] __attribute__((aligned(4)));
} fe_packed;
static void fe_pack(fe_packed *h, const fe *f);
static const fe *fe_unpack(fe *h, const fe_packed *f);
#define FE_UNPACK(f, scratch) fe_unpack(scratch, f)
#else
typedef fe fe_packed;
#define fe_pack(h, f) (*(h) = *(f))
#define FE_UNPACK(f, scratch) (f)
#endif

// On microcontrollers size counts, and a call costs little beside a multiplication.
#if SC_FE == 51
#define FE_FUNCTION static
#else
#define FE_FUNCTION static __attribute__((noinline))
#endif

// What is called a few times in an operation, or in one that a sensor needs once a join: for size, in a file that is
// for speed.
#if defined(__clang__)
#define SC_RARE __attribute__((noinline, minsize))
#else
#define SC_RARE __attribute__((noinline, cold))
#endif

// --- given by each representation -------------------------------------------
static void fe_mul(fe *h, const fe *f, const fe *g);
static void fe_sqr(fe *h, const fe *f);
static void fe_add(fe *h, const fe *f, const fe *g);
static void fe_sub(fe *h, const fe *f, const fe *g);
static void fe_addmul_a24(fe *h, const fe *f, const fe *g);  // f + 121665 g, both weights <= 3
static void fe_carry(fe *h);                                 // any weight -> 1
static void fe_fromwords(fe *h, const uint32_t w[8]);         // little endian, ignores bit 255
static void fe_towords(uint32_t w[8], const fe *f);          // canonical

// --- given by a representation that has it in one piece (FE_ADDSUB, FE_SQR_SELECT), else by fe.c
static void fe_addsub(fe *sum, fe *difference, const fe *f, const fe *g);  // sum may be f or g, difference not
static void fe_sqr_select(fe *h, const fe *f, const fe *g, uint32_t bit);  // h = (bit ? g : f)^2

// --- fe.c, the same for all ----------------------------------------------------
static void fe_frombytes(fe *h, const uint8_t s[32]);
static void fe_tobytes(uint8_t s[32], const fe *f);
static void fe_small(fe *h, uint32_t x);                     // h = x, x < 2^12
static void fe_const(fe *h, int k);                          // h = K[k] of constants.h
static void fe_cmov(fe *h, const fe *f, uint32_t bit);       // bit ? h = f : unchanged
static void fe_select(fe *h, const fe *f, const fe *g, uint32_t bit);  // h = bit ? g : f
static void fe_neg(fe *h, const fe *f);                      // f reduced; weight 2
static void fe_abs(fe *h);                                   // h reduced -> reduced, even
static uint32_t fe_isneg(const fe *f);                       // lowest bit of the canonical form
static uint32_t fe_iszero(const fe *f);
static void fe_sqrn(fe *h, const fe *f, int n);              // f^(2^n), n >= 1
static void fe_invert(fe *h, const fe *f);                   // f^(p-2); 0 -> 0
static uint32_t fe_sqrt_ratio(fe *h, const fe *u, const fe *v);  // RFC 9496 4.2

#endif
