// fe_29_rv32.h: the column sums of fe_29.h in RISC-V assembly (RV32IM).
//
// The compiler's code is already free of carries; what is gained here (15 %) is registers:
// all operands stay in them, and the functions save none. They overwrite every
// register but sp, gp and tp, as their wrappers tell the compiler, whose callers have
// little to keep.  mul: about 520 instructions, sqr: 350.
//
// t4 = L, t5 = H, t6 and (sqr) a6 scratch, a0 = mask of 29 bits. In the columns whose limbs stay
// whole (FE_WHOLE of fe_29.h) the carry H becomes the next L where it is: every other column (Y) has
// t5 = L, t4 = H.
// Stack frame: 0 ra, 4 h, then c_k at 4 (k - 5): x7 8, x8 12, c9 16 .. c16 44.

#define S(x) x "\n\t"
#define SLOT(k) "4*(" #k "-5)(sp)"
#define L_X "t4"
#define H_X "t5"
#define L_Y "t5"
#define H_Y "t4"
// A product in the middle of a column, as the first of a column (H is set), and as the very
// first (L and H are set).
#define ADD(C, f, g, e) \
    S("mul t6," f "," g) S("add " L_##C "," L_##C ",t6") S("mulhu t6," f "," e) S("add " H_##C "," H_##C ",t6")
#define FIRST(C, f, g, e) S("mul t6," f "," g) S("add " L_##C "," L_##C ",t6") S("mulhu " H_##C "," f "," e)
#define BEGIN(f, g, e) S("mul t4," f "," g) S("mulhu t5," f "," e)
// A product whose 8 g is not kept in a register.
#define ADD8(C, f, g) \
    S("mul t6," f "," g) S("add " L_##C "," L_##C ",t6") S("slli t6," g ",3") S("mulhu t6," f ",t6") \
    S("add " H_##C "," H_##C ",t6")
#define SPLIT S("slli t6,t5,29") S("sub t6,t4,t6") S("srli t6,t6,29") S("add t5,t5,t6")
// The end of a column: limb in t6, carry in L and, by NEXT, what it has above 2^29 in H.
// NEXT is left out where the next column's terms and the whole carry stay below 2^32.
#define END S("slli t6,t5,29") S("sub t4,t4,t6") S("and t6,t4,a0") S("srli t4,t4,29") S("add t4,t4,t5")
#define TO_STACK(k) S("sw t6," SLOT(k))
#define TO_H(base, k) S("sw t6,4*" #k "(" base ")")
#define NEXT S("srli t5,t4,29")
// The end of a column whose limb stays whole, and the NEXT behind it.
#define WHOLE(C, k) S("slli t6," H_##C ",29") S("sub " L_##C "," L_##C ",t6") S("sw " L_##C "," SLOT(k))
#define THEN(C) S("srli " L_##C "," H_##C ",29")
// c_k * 1216 with scratch s, 1216 in k1, 8 * 1216 in k8.
#define FOLD(k, s, k1, k8) \
    S("lw t6," SLOT(k)) S("mul " s ",t6," k1) S("add t4,t4," s) S("mulhu t6,t6," k8) S("add t5,t5,t6")
// After column 16 (c17 in t4): folds limb 8 at bit 255 into column 0; limb 8 back to its slot.
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
#define X(i, j) ADD(X, F##i, G##j, E##j)
#define X8(i, j) ADD8(X, F##i, G##j)
#define X1(i, j) FIRST(X, F##i, G##j, E##j)
#define Y(i, j) ADD(Y, F##i, G##j, E##j)
#define Y8(i, j) ADD8(Y, F##i, G##j)
#define Y1(i, j) FIRST(Y, F##i, G##j, E##j)
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
    X(2, 7) X(3, 6) X(4, 5) X(5, 4) X(6, 3) X8(7, 2) SPLIT X(1, 8) X8(8, 1) WHOLE(X, 9) THEN(X)
    Y(2, 8) Y(3, 7) Y(4, 6) Y(5, 5) Y(6, 4) Y(7, 3) Y8(8, 2) WHOLE(Y, 10) THEN(Y)
    X(3, 8) X(4, 7) X(5, 6) X(6, 5) X(7, 4) X(8, 3) WHOLE(X, 11) THEN(X)
    Y(4, 8) Y(5, 7) Y(6, 6) Y(7, 5) Y(8, 4) WHOLE(Y, 12)
    // H_12 < 3 * 2^29 + 2 * 2^25.4 (two of its products have a small factor), and column 13
    // has four terms: 7 * 2^29 and a little. The later ones have fewer.
    X1(5, 8) X(6, 7) X(7, 6) X(8, 5) WHOLE(X, 13)
    Y1(6, 8) Y(7, 7) Y(8, 6) WHOLE(Y, 14)
    X1(7, 8) X(8, 7) WHOLE(X, 15)
    Y1(8, 8) WHOLE(Y, 16)
    TOP(MUL_S, MUL_K1, MUL_K8)
    S("slli " E0 "," G0 ",3") S("slli " E1 "," G1 ",3") S("lw " MUL_OUT ",4(sp)")
    X1(0, 0) MUL_FOLD(9) MUL_END(0)           // carry < 2^29 + 2^14, column 1 has 3 terms
    X1(0, 1) X(1, 0) MUL_FOLD(10) MUL_END(1)  // carry < 2 * 2^29 + 2^14, column 2 has 4
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
#undef Y
#undef Y1
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
#define X(i, j) ADD(X, D##i, F##j, E##j)
#define X1(i, j) FIRST(X, D##i, F##j, E##j)
#define Y(i, j) ADD(Y, D##i, F##j, E##j)
#define Y1(i, j) FIRST(Y, D##i, F##j, E##j)
#define Q(i) ADD(X, F##i, F##i, E##i)
#define Q1(i) FIRST(X, F##i, F##i, E##i)
#define QY(i) ADD(Y, F##i, F##i, E##i)
#define QY1(i) FIRST(Y, F##i, F##i, E##i)
#define DOUBLE(i) S("slli " D##i "," F##i ",1")
#define EIGHT(i) S("slli " E##i "," F##i ",3")
// f_i, or g_i if the mask in a3 says so.
#define CHOOSE(i) \
    LOADF(i) S("lw t6,4*" #i "(a2)") S("xor t6,t6," F##i) S("and t6,t6,a3") S("xor " F##i "," F##i ",t6")
#define SQR_FOLD(k) FOLD(k, SQR_S, SQR_K1, SQR_K8)
#define SQR_END(k) END TO_H(SQR_OUT, k)

// A product stands for two here, so a column has half as many terms and fewer NEXT are
// needed: the carry is at most as many times 2^29 as the column has single products, the
// next column adds its own terms: the sum is at most 7 where NEXT is left out.
__asm__(".text\n.align 1\n.type fe_29_sqr_select,@function\nfe_29_sqr_select:\n\t"
    ENTER
    CHOOSE(0) CHOOSE(1) CHOOSE(2) CHOOSE(3) CHOOSE(4) CHOOSE(5) CHOOSE(6) CHOOSE(7) CHOOSE(8)
    S("j .Lfe_29_loaded")
    "\n.type fe_29_sqr,@function\nfe_29_sqr:\n\t"
    ENTER
    LOADF(0) LOADF(1) LOADF(2) LOADF(3) LOADF(4) LOADF(5) LOADF(6) LOADF(7) LOADF(8)
    "\n.Lfe_29_loaded:\n\t"
    DOUBLE(0) DOUBLE(1) DOUBLE(2) DOUBLE(3) DOUBLE(4) DOUBLE(5)
    EIGHT(1) EIGHT(2) EIGHT(3) EIGHT(4) EIGHT(5) EIGHT(6) EIGHT(7) EIGHT(8)
    BEGIN(D0, F7, E7) X(1, 6) X(2, 5) X(3, 4) END TO_STACK(7) NEXT
    X(0, 8) X(1, 7) X(2, 6) X(3, 5) Q(4) END TO_STACK(8) NEXT
    X(1, 8) X(2, 7) X(3, 6) X(4, 5) WHOLE(X, 9) THEN(X)
    Y(2, 8) Y(3, 7) Y(4, 6) QY(5) WHOLE(Y, 10) THEN(Y)
    X(3, 8) X(4, 7) X(5, 6) WHOLE(X, 11)
    Y1(4, 8) Y(5, 7) QY(6) WHOLE(Y, 12)
    DOUBLE(6)
    X1(5, 8) X(6, 7) WHOLE(X, 13)
    Y1(6, 8) QY(7) WHOLE(Y, 14)
    DOUBLE(7)
    X1(7, 8) WHOLE(X, 15)
    QY1(8) WHOLE(Y, 16)
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
    "s6", "s7", "s8", "s9", "s10", "s11", "a4", "a5", "a6", "a7", "memory"

static inline __attribute__((always_inline)) void fe_mul(fe *h, const fe *f, const fe *g) {
    register fe *a0 __asm__("a0") = h;
    register const fe *a1 __asm__("a1") = f;
    register const fe *a2 __asm__("a2") = g;
    __asm__ volatile("jal ra,fe_29_mul" : "+r"(a0), "+r"(a1), "+r"(a2) : : FE_ASM_CLOBBERS, "a3");
}

static inline __attribute__((always_inline)) void fe_sqr(fe *h, const fe *f) {
    register fe *a0 __asm__("a0") = h;
    register const fe *a1 __asm__("a1") = f;
    __asm__ volatile("jal ra,fe_29_sqr" : "+r"(a0), "+r"(a1) : : FE_ASM_CLOBBERS, "a2", "a3");
}

static inline __attribute__((always_inline)) void fe_sqr_select(fe *h, const fe *f, const fe *g, uint32_t bit) {
    register fe *a0 __asm__("a0") = h;
    register const fe *a1 __asm__("a1") = f;
    register const fe *a2 __asm__("a2") = g;
    register uint32_t a3 __asm__("a3") = -bit;
    __asm__ volatile("jal ra,fe_29_sqr_select" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3) : : FE_ASM_CLOBBERS);
}
#define FE_SQR_SELECT

#undef S
#undef X
#undef X8
#undef X1
#undef Y
#undef Y8
#undef Y1
#undef Q
#undef Q1
#undef QY
#undef QY1
#undef ADD
#undef FIRST
#undef BEGIN
#undef END
#undef NEXT
#undef WHOLE
#undef THEN
