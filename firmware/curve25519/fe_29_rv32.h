// fe_29_rv32.h: the column sums of fe_29.h in RISC-V assembly (RV32IM).
//
// The compiler's code is already free of carries; what is gained here (15 %) is registers:
// all operands stay in them, and the two functions save none. They overwrite every
// register but sp, gp and tp, as their wrappers tell the compiler, whose callers have
// little to keep.  mul: about 545 instructions, sqr: 375.
//
// t4 = L, t5 = H, t6 and (sqr) a6 scratch, a0 = mask of 29 bits.
// Stack frame: 0 ra, 4 h, then c_k at 4 (k - 5): x7 8, x8 12, c9 16 .. c16 44.

#define S(x) x "\n\t"
#define SLOT(k) "4*(" #k "-5)(sp)"
// A product in the middle of a column, as the first of a column (H is set), and as the very
// first (L and H are set).
#define ADD(f, g, e) S("mul t6," f "," g) S("add t4,t4,t6") S("mulhu t6," f "," e) S("add t5,t5,t6")
#define FIRST(f, g, e) S("mul t6," f "," g) S("add t4,t4,t6") S("mulhu t5," f "," e)
#define BEGIN(f, g, e) S("mul t4," f "," g) S("mulhu t5," f "," e)
// A product whose 8 g is not kept in a register.
#define ADD8(f, g) S("mul t6," f "," g) S("add t4,t4,t6") S("slli t6," g ",3") S("mulhu t6," f ",t6") S("add t5,t5,t6")
#define SPLIT S("slli t6,t5,29") S("sub t6,t4,t6") S("srli t6,t6,29") S("add t5,t5,t6")
// The end of a column: limb in t6, carry in L and, by NEXT, what it has above 2^29 in H.
// NEXT is left out where the next column's terms and the whole carry stay below 2^32.
#define END S("slli t6,t5,29") S("sub t4,t4,t6") S("and t6,t4,a0") S("srli t4,t4,29") S("add t4,t4,t5")
#define TO_STACK(k) S("sw t6," SLOT(k))
#define TO_H(base, k) S("sw t6,4*" #k "(" base ")")
#define NEXT S("srli t5,t4,29")
// c_k * 1216 with scratch s, 1216 in k1, 8 * 1216 in k8.
#define FOLD(k, s, k1, k8) \
    S("lw t6," SLOT(k)) S("mul " s ",t6," k1) S("add t4,t4," s) S("mulhu t6,t6," k8) S("add t5,t5,t6")
// After column 16 (c17 in L): folds limb 8 at bit 255 into column 0; limb 8 back to its slot.
#define TOP(s, k1, k8) \
    S("li " k1 ",1216") S("slli " k8 "," k1 ",3") S("mul t6,t4," k1) S("lw t4," SLOT(8)) S("add t6,t6,t4") \
    S("srli t4,t6,23") S("slli t6,t6,9") S("srli t6,t6,9") S("sw t6," SLOT(8)) S("li t6,19") S("mul t4,t4,t6")
#define LAST(s, k1, k8, base) \
    S("lw t6," SLOT(7)) S("add t4,t4,t6") FOLD(16, s, k1, k8) END TO_H(base, 7) \
    S("lw t6," SLOT(8)) S("add t6,t6,t4") TO_H(base, 8)
#define ENTER S("addi sp,sp,-48") S("sw ra,0(sp)") S("sw a0,4(sp)") S("li a0,0x1fffffff")
#define LEAVE S("lw ra,0(sp)") S("addi sp,sp,48") S("ret")

// --- mul: f in s0-s8, g in s9-s11, a1-a6, 8 g_3..8 g_8 in a7, t0-t3, ra -----------------
#define F0 "s0"
#define F1 "s1"
#define F2 "s2"
#define F3 "s3"
#define F4 "s4"
#define F5 "s5"
#define F6 "s6"
#define F7 "s7"
#define F8 "s8"
#define G0 "s9"
#define G1 "s10"
#define G2 "s11"
#define G3 "a3"
#define G4 "a4"
#define G5 "a5"
#define G6 "a6"
#define G7 "a1"
#define G8 "a2"
#define E3 "a7"
#define E4 "t0"
#define E5 "t1"
#define E6 "t2"
#define E7 "t3"
#define E8 "ra"
// Once the high columns are done, six registers are free:
#define E0 "s7"
#define E1 "s8"
#define MUL_K1 "a1"
#define MUL_K8 "a2"
#define MUL_S "t3"
#define MUL_OUT "ra"
#define X(i, j) ADD(F##i, G##j, E##j)
#define X8(i, j) ADD8(F##i, G##j)
#define X1(i, j) FIRST(F##i, G##j, E##j)
#define LOADF(i) S("lw " F##i ",4*" #i "(a1)")
#define LOADG(i) S("lw " G##i ",4*" #i "(a2)")
#define MUL_FOLD(k) FOLD(k, MUL_S, MUL_K1, MUL_K8)
#define MUL_END(k) END TO_H(MUL_OUT, k)

__asm__(".text\n.align 1\n.type fe_29_mul,@function\nfe_29_mul:\n\t"
    ENTER
    LOADF(0) LOADF(1) LOADF(2) LOADF(3) LOADF(4) LOADF(5) LOADF(6) LOADF(7) LOADF(8)
    LOADG(0) LOADG(1) LOADG(2) LOADG(3) LOADG(4) LOADG(5) LOADG(6) LOADG(7) S("lw a2,32(a2)")
    S("slli a7,a3,3") S("slli t0,a4,3") S("slli t1,a5,3") S("slli t2,a6,3") S("slli t3,a1,3") S("slli ra,a2,3")
    BEGIN(F0, G7, E7) X(1, 6) X(2, 5) X(3, 4) X(4, 3) X8(5, 2) X8(6, 1) X8(7, 0) END TO_STACK(7) NEXT
    X(1, 7) X(2, 6) X(3, 5) X(4, 4) X(5, 3) X8(6, 2) X8(7, 1) SPLIT X(0, 8) X8(8, 0) END TO_STACK(8) NEXT
    X(2, 7) X(3, 6) X(4, 5) X(5, 4) X(6, 3) X8(7, 2) SPLIT X(1, 8) X8(8, 1) END TO_STACK(9) NEXT
    X(2, 8) X(3, 7) X(4, 6) X(5, 5) X(6, 4) X(7, 3) X8(8, 2) END TO_STACK(10) NEXT
    X(3, 8) X(4, 7) X(5, 6) X(6, 5) X(7, 4) X(8, 3) END TO_STACK(11) NEXT
    X(4, 8) X(5, 7) X(6, 6) X(7, 5) X(8, 4) END TO_STACK(12)
    // H_12 < 3 * 2^29 + 2 * 2^25.4 (two of its products have a small factor), and column 13
    // has four terms: 7 * 2^29 and a little. The later ones have fewer.
    X1(5, 8) X(6, 7) X(7, 6) X(8, 5) END TO_STACK(13)
    X1(6, 8) X(7, 7) X(8, 6) END TO_STACK(14)
    X1(7, 8) X(8, 7) END TO_STACK(15)
    X1(8, 8) END TO_STACK(16)
    TOP(MUL_S, MUL_K1, MUL_K8)
    S("slli " E0 "," G0 ",3") S("slli " E1 "," G1 ",3") S("lw " MUL_OUT ",4(sp)")
    X1(0, 0) MUL_FOLD(9) MUL_END(0)           // carry < 2^29 + 2^12, column 1 has 3 terms
    X1(0, 1) X(1, 0) MUL_FOLD(10) MUL_END(1)  // carry < 2 * 2^29 + 2^12, column 2 has 4
    X1(1, 1) X8(0, 2) X(2, 0) MUL_FOLD(11) MUL_END(2) NEXT
    X(0, 3) X8(1, 2) X(2, 1) X(3, 0) MUL_FOLD(12) MUL_END(3) NEXT
    X(0, 4) X(1, 3) X8(2, 2) X(3, 1) X(4, 0) MUL_FOLD(13) MUL_END(4) NEXT
    X(0, 5) X(1, 4) X(2, 3) X8(3, 2) X(4, 1) X(5, 0) MUL_FOLD(14) MUL_END(5) NEXT
    X(0, 6) X(1, 5) X(2, 4) X(3, 3) X8(4, 2) X(5, 1) X(6, 0) SPLIT MUL_FOLD(15) MUL_END(6) NEXT
    LAST(MUL_S, MUL_K1, MUL_K8, MUL_OUT)
    LEAVE);

// --- sqr: f in s0-s8, 2 f_0..2 f_5 and 8 f_1..8 f_8 in registers; 2 f_6, 2 f_7 in a6 ------
#undef E3
#undef E4
#undef E5
#undef E6
#undef E7
#undef E8
#undef E0
#undef E1
#undef X
#undef X1
#define D0 "s9"
#define D1 "s10"
#define D2 "s11"
#define D3 "a2"
#define D4 "a3"
#define D5 "a4"
#define D6 "a6"
#define D7 "a6"
#define E1 "a5"
#define E2 "a7"
#define E3 "t0"
#define E4 "t1"
#define E5 "t2"
#define E6 "t3"
#define E7 "ra"
#define E8 "a1"
#define E0 "s8"
#define SQR_K1 "s7"
#define SQR_K8 "ra"
#define SQR_S "a6"
#define SQR_OUT "a1"
#define X(i, j) ADD(D##i, F##j, E##j)
#define X1(i, j) FIRST(D##i, F##j, E##j)
#define Q(i) ADD(F##i, F##i, E##i)
#define Q1(i) FIRST(F##i, F##i, E##i)
#define DOUBLE(i) S("slli " D##i "," F##i ",1")
#define EIGHT(i) S("slli " E##i "," F##i ",3")
#define SQR_FOLD(k) FOLD(k, SQR_S, SQR_K1, SQR_K8)
#define SQR_END(k) END TO_H(SQR_OUT, k)

// A product stands for two here, so a column has half as many terms and fewer NEXT are
// needed: the carry is at most as many times 2^29 as the column has single products, the
// next column adds its own terms: the sum is at most 7 where NEXT is left out.
__asm__(".text\n.align 1\n.type fe_29_sqr,@function\nfe_29_sqr:\n\t"
    ENTER
    LOADF(0) LOADF(1) LOADF(2) LOADF(3) LOADF(4) LOADF(5) LOADF(6) LOADF(7) LOADF(8)
    DOUBLE(0) DOUBLE(1) DOUBLE(2) DOUBLE(3) DOUBLE(4) DOUBLE(5)
    EIGHT(1) EIGHT(2) EIGHT(3) EIGHT(4) EIGHT(5) EIGHT(6) EIGHT(7) EIGHT(8)
    BEGIN(D0, F7, E7) X(1, 6) X(2, 5) X(3, 4) END TO_STACK(7) NEXT
    X(0, 8) X(1, 7) X(2, 6) X(3, 5) Q(4) END TO_STACK(8) NEXT
    X(1, 8) X(2, 7) X(3, 6) X(4, 5) END TO_STACK(9) NEXT
    X(2, 8) X(3, 7) X(4, 6) Q(5) END TO_STACK(10) NEXT
    X(3, 8) X(4, 7) X(5, 6) END TO_STACK(11)
    X1(4, 8) X(5, 7) Q(6) END TO_STACK(12)
    DOUBLE(6)
    X1(5, 8) X(6, 7) END TO_STACK(13)
    X1(6, 8) Q(7) END TO_STACK(14)
    DOUBLE(7)
    X1(7, 8) END TO_STACK(15)
    Q1(8) END TO_STACK(16)
    TOP(SQR_S, SQR_K1, SQR_K8)
    EIGHT(0) S("lw " SQR_OUT ",4(sp)")
    Q1(0) SQR_FOLD(9) SQR_END(0)
    X1(0, 1) SQR_FOLD(10) SQR_END(1)
    X1(0, 2) Q(1) SQR_FOLD(11) SQR_END(2)
    X1(0, 3) X(1, 2) SQR_FOLD(12) SQR_END(3) NEXT
    X(0, 4) X(1, 3) Q(2) SQR_FOLD(13) SQR_END(4) NEXT
    X(0, 5) X(1, 4) X(2, 3) SQR_FOLD(14) SQR_END(5) NEXT
    X(0, 6) X(1, 5) X(2, 4) Q(3) SQR_FOLD(15) SQR_END(6) NEXT
    LAST(SQR_S, SQR_K1, SQR_K8, SQR_OUT)
    LEAVE);

#define FE_ASM_CLOBBERS "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "s0", "s1", "s2", "s3", "s4", "s5", \
    "s6", "s7", "s8", "s9", "s10", "s11", "a3", "a4", "a5", "a6", "a7", "memory"

static inline __attribute__((always_inline)) void fe_mul(fe *h, const fe *f, const fe *g) {
    register fe *a0 __asm__("a0") = h;
    register const fe *a1 __asm__("a1") = f;
    register const fe *a2 __asm__("a2") = g;
    __asm__ volatile("jal ra,fe_29_mul" : "+r"(a0), "+r"(a1), "+r"(a2) : : FE_ASM_CLOBBERS);
}

static inline __attribute__((always_inline)) void fe_sqr(fe *h, const fe *f) {
    register fe *a0 __asm__("a0") = h;
    register const fe *a1 __asm__("a1") = f;
    __asm__ volatile("jal ra,fe_29_sqr" : "+r"(a0), "+r"(a1) : : FE_ASM_CLOBBERS, "a2");
}

#undef S
#undef X
#undef X8
#undef X1
#undef Q
#undef Q1
#undef ADD
#undef FIRST
#undef BEGIN
#undef END
#undef NEXT
