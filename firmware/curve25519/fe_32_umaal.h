// fe_32_umaal.h: the arithmetic of fe_32.h in Thumb-2 assembly with UMAAL.
// Naked functions with the usual calling convention: r0 = h, r1 = f, r2 = g.

#define S(x) x "\n\t"
// noipa: gcc must not conclude from the empty C body which registers are changed.
#ifdef __clang__
#define NAKED static __attribute__((naked, noinline))
#else
#define NAKED static __attribute__((naked, noipa))
#endif

#define ZERO(r) S("mov.w " r ",#0")  // leaves the flags
#define ALSO(lo, hi, a, b) S("umaal " lo "," hi "," a "," b)

// Two rows: the window w0..w3 (positions i .. i + 3 of the product) plus the limbs i and i + 1 of g, in r12 and lr,
// times the four limbs of f in r3-r6. The carries c0 and c1 begin as what is to be added at positions i and i + 1, and
// end as positions i + 4 and i + 5; w0 and w1 are then final.
#define ROWS(w0, w1, w2, w3, c0, c1) ALSO(w0, c0, "r3", "r12") LATER_ROWS(w1, w2, w3, c0, c1)
#define LATER_ROWS(w1, w2, w3, c0, c1) \
    ALSO(w1, c0, "r4", "r12") ALSO(w1, c1, "r3", "lr") ALSO(w2, c0, "r5", "r12") ALSO(w2, c1, "r4", "lr") \
    ALSO(w3, c0, "r6", "r12") ALSO(w3, c1, "r5", "lr") ALSO(c0, c1, "r6", "lr")
#define LIMBS(i) S("ldrd r12,lr,[r2,#4*" #i "]")
#define PUT(a, b, place) S("strd " a "," b ",[sp,#" #place "]")

// Position 7 is in p7 and 15 in p15: limb 7 of the result, and what the others begin with in c (zero before), since the
// fold at bit 255 is known before the one carry chain. r12 = 38.
#define TOP_LIMB(p7, p15, c, t) \
    S("mov r12,#38") ALSO(p7, c, p15, "r12") S("lsl " c "," c ",#1") S("orr " c "," c "," p7 ",lsr #31") \
    S("bic " p7 "," p7 ",#0x80000000") S("add " t "," c "," c ",lsl #1") S("add " c "," t "," c ",lsl #4")  // 19 times

// Low half of f times g (positions 0 to 11), then the high half (positions 4 to 15). On the stack: positions 8 to 11
// of the low half, 0 to 7, h.
NAKED void fe_mul(fe *h, const fe *f, const fe *g) {
    __asm__(
        S("push {r0,r4-r11,lr}") S("sub sp,#48")
        S("ldm r1!,{r3-r6}")
        LIMBS(0) S("umull r7,r11,r3,r12") ZERO("r8") ZERO("r9") ZERO("r10") ZERO("r0")
        LATER_ROWS("r8", "r9", "r10", "r11", "r0") PUT("r7", "r8", 16)
        LIMBS(2) ZERO("r7") ZERO("r8") ROWS("r9", "r10", "r11", "r0", "r7", "r8") PUT("r9", "r10", 24)
        LIMBS(4) ZERO("r9") ZERO("r10") ROWS("r11", "r0", "r7", "r8", "r9", "r10") PUT("r11", "r0", 32)
        LIMBS(6) ZERO("r11") ZERO("r0") ROWS("r7", "r8", "r9", "r10", "r11", "r0")
        PUT("r9", "r10", 0) PUT("r11", "r0", 8)
        S("ldm r1,{r3-r6}")
        LIMBS(0) S("ldrd r9,r10,[sp,#32]") ZERO("r11") ZERO("r0")
        ROWS("r9", "r10", "r7", "r8", "r11", "r0") PUT("r9", "r10", 32)
        LIMBS(2) ZERO("r9") ZERO("r10") ROWS("r7", "r8", "r11", "r0", "r9", "r10") PUT("r7", "r8", 40)
        LIMBS(4) S("ldrd r7,r8,[sp],#8") ROWS("r11", "r0", "r9", "r10", "r7", "r8")
        LIMBS(6) S("ldrd r1,r2,[sp],#8") ROWS("r9", "r10", "r7", "r8", "r1", "r2")
        // Positions 8 to 15 are in r11, r0, r9, r10, r7, r8, r1, r2.
        S("ldr lr,[sp,#28]") ZERO("r3") TOP_LIMB("lr", "r2", "r3", "r4")
        S("ldm sp!,{r2,r4,r5,r6}")
        ALSO("r2", "r3", "r11", "r12") ALSO("r4", "r3", "r0", "r12") ALSO("r5", "r3", "r9", "r12")
        ALSO("r6", "r3", "r10", "r12")
        S("ldm sp!,{r0,r9,r10,r11}")
        ALSO("r0", "r3", "r7", "r12") ALSO("r9", "r3", "r8", "r12") ALSO("r10", "r3", "r1", "r12") S("add lr,lr,r3")
        S("pop {r11}") S("stm r11!,{r2,r4,r5,r6}") S("stm r11,{r0,r9,r10,lr}") S("pop {r4-r11,pc}"));
}

// A position of the square: twice the sum t of the products of different limbs (carry: the C flag), plus, at an even
// one, the square of limb f, or at an odd one f = a register that is zero (carry: r7).
#define DOUBLE(adds, t, f) S(adds " " t "," t "," t) ALSO(t, "r7", f, f)

// Limbs 0 to 3 are in r2-r5, later 4 to 7 in r6, r10-r12. What is final goes to the stack: positions 0 to 6; then h.
NAKED void fe_sqr(fe *h, const fe *f) {
    __asm__(
        S("push {r0,r4-r11,lr}") S("sub sp,#28")
        S("ldm r1!,{r2-r5}")
        S(".Lfe_sqr_of_limbs:")
        ZERO("r9") S("umull r6,r7,r2,r2") S("umull r10,r11,r2,r3") DOUBLE("adds", "r10", "r9")
        ZERO("r12") ALSO("r11", "r12", "r2", "r4") DOUBLE("adcs", "r11", "r3")
        ZERO("lr") ALSO("r12", "lr", "r2", "r5") ZERO("r0") ALSO("r12", "r0", "r3", "r4") DOUBLE("adcs", "r12", "r9")
        S("stm sp,{r6,r10-r12}")
        ALSO("lr", "r0", "r3", "r5") ZERO("r8") ALSO("r0", "r8", "r4", "r5")
        S("ldm r1,{r6,r10-r12}")
        ZERO("r1") ALSO("lr", "r1", "r2", "r6") ALSO("r0", "r1", "r2", "r10") ALSO("r8", "r1", "r2", "r11")
        ALSO("r9", "r1", "r2", "r12") DOUBLE("adcs", "lr", "r4")
        ZERO("r2") ALSO("r0", "r2", "r3", "r6") ALSO("r8", "r2", "r3", "r10") ALSO("r9", "r2", "r3", "r11")
        ALSO("r1", "r2", "r3", "r12") ZERO("r3") DOUBLE("adcs", "r0", "r3") PUT("lr", "r0", 16)
        ALSO("r8", "r3", "r4", "r6") ALSO("r9", "r3", "r4", "r10") ALSO("r1", "r3", "r4", "r11")
        ALSO("r2", "r3", "r4", "r12") DOUBLE("adcs", "r8", "r5") S("str r8,[sp,#24]")
        ZERO("r4") ALSO("r9", "r4", "r5", "r6") ALSO("r1", "r4", "r5", "r10") ALSO("r2", "r4", "r5", "r11")
        ALSO("r3", "r4", "r5", "r12") ZERO("r5") DOUBLE("adcs", "r9", "r5") DOUBLE("adcs", "r1", "r6")
        ZERO("r0") ALSO("r2", "r0", "r6", "r10") ALSO("r3", "r0", "r6", "r11") ALSO("r4", "r0", "r6", "r12")
        DOUBLE("adcs", "r2", "r5") DOUBLE("adcs", "r3", "r10")
        ZERO("r8") ALSO("r4", "r8", "r10", "r11") ALSO("r0", "r8", "r10", "r12")
        DOUBLE("adcs", "r4", "r5") DOUBLE("adcs", "r0", "r11")
        ZERO("lr") ALSO("r8", "lr", "r11", "r12") DOUBLE("adcs", "r8", "r5") DOUBLE("adcs", "lr", "r12")
        S("adc r7,r7,r5")
        // Positions 7 to 15 are in r9, r1, r2, r3, r4, r0, r8, lr, r7.
        TOP_LIMB("r9", "r7", "r5", "r6")
        S("ldm sp!,{r6,r7,r10,r11}")
        ALSO("r6", "r5", "r1", "r12") ALSO("r7", "r5", "r2", "r12") ALSO("r10", "r5", "r3", "r12")
        ALSO("r11", "r5", "r4", "r12")
        S("ldm sp!,{r1-r4}")
        ALSO("r1", "r5", "r0", "r12") ALSO("r2", "r5", "r8", "r12") ALSO("r3", "r5", "lr", "r12") S("add r9,r9,r5")
        S("stm r4!,{r6,r7,r10,r11}") S("stm r4,{r1-r3,r9}") S("pop {r4-r11,pc}"));
}

// SEL takes each byte from its first operand where a byte of the sum before it had a carry, else from the second.
#define FE_SQR_SELECT
#define SELECT(r, g) S("sel " r "," g "," r)
NAKED void fe_sqr_select(fe *h, const fe *f, const fe *g, uint32_t bit) {
    __asm__(
        S("push {r0,r4-r11,lr}") S("sub sp,#28")
        S("rsb r3,r3,#0") S("uadd8 r3,r3,r3")
        S("add r12,r1,#16") S("ldm r12,{r4-r7}") S("add r12,r2,#16") S("ldm r12,{r8-r11}")
        SELECT("r4", "r8") SELECT("r5", "r9") SELECT("r6", "r10") SELECT("r7", "r11")
        S("add r12,r0,#16") S("stm r12,{r4-r7}")
        S("ldm r2,{r8-r11}") S("ldm r1,{r2-r5}")
        SELECT("r2", "r8") SELECT("r3", "r9") SELECT("r4", "r10") SELECT("r5", "r11")
        S("mov r1,r12") S("b .Lfe_sqr_of_limbs"));
}

// r3-r10 is a number, r1 what it has above 2^256; 19 times what is above 2^255 goes to r1.
#define TOP S("lsl r1,r1,#1") S("orr r1,r1,r10,lsr #31") S("add r2,r1,r1,lsl #1") S("add r1,r2,r1,lsl #4")
#define CHAIN(r) S("adcs r4,r4," r) S("adcs r5,r5," r) S("adcs r6,r6," r) S("adcs r7,r7," r) S("adcs r8,r8," r) \
    S("adcs r9,r9," r) S("adc r10,r10," r)

NAKED void fe_add(fe *h, const fe *f, const fe *g) {
    __asm__(
        S("push {r4-r11,lr}")
        S("ldm r1!,{r3-r6}") S("ldm r2!,{r7-r10}")
        S("adds r3,r3,r7") S("adcs r4,r4,r8") S("adcs r5,r5,r9") S("adcs r6,r6,r10")
        S("ldm r1,{r7-r10}") S("ldm r2,{r1,r11,r12,lr}")
        S("adcs r7,r7,r1") S("adcs r8,r8,r11") S("adcs r9,r9,r12") S("adcs r10,r10,lr")
        S("mov.w r1,#0") S("adc r1,r1,r1")
        TOP S("bic r10,r10,#0x80000000") S("mov r2,#0")
        S("adds r3,r3,r1") CHAIN("r2")
        S("stm r0,{r3-r10}") S("pop {r4-r11,pc}"));
}

NAKED void fe_sub(fe *h, const fe *f, const fe *g) {
    __asm__(
        S("push {r4-r11,lr}")
        S("ldm r1!,{r3-r6}") S("ldm r2!,{r7-r10}")
        S("subs r3,r3,r7") S("sbcs r4,r4,r8") S("sbcs r5,r5,r9") S("sbcs r6,r6,r10")
        S("ldm r1,{r7-r10}") S("ldm r2,{r1,r11,r12,lr}")
        S("sbcs r7,r7,r1") S("sbcs r8,r8,r11") S("sbcs r9,r9,r12") S("sbcs r10,r10,lr")
        S("sbc r1,r1,r1")  // - borrow
        S("lsl r1,r1,#1") S("add r1,r1,r10,lsr #31") S("sub r1,r1,#1")
        S("add r2,r1,r1,lsl #1") S("add r1,r2,r1,lsl #4") S("orr r10,r10,#0x80000000") S("asr r2,r1,#31")
        S("adds r3,r3,r1") CHAIN("r2")
        S("stm r0,{r3-r10}") S("pop {r4-r11,pc}"));
}

NAKED void fe_addmul_a24(fe *h, const fe *f, const fe *g) {
    __asm__(
        S("push {r4-r11,lr}")
        S("ldm r1,{r3-r10}")
        S("movw r12,#56129") S("movt r12,#1")  // 121665
        S("ldr r11,[r2,#28]") S("mov r1,#0") S("umaal r10,r1,r11,r12")
        S("mov lr,r2") TOP S("bic r10,r10,#0x80000000")
        S("ldrd r2,r11,[lr]") S("umaal r3,r1,r2,r12") S("umaal r4,r1,r11,r12")
        S("ldrd r2,r11,[lr,#8]") S("umaal r5,r1,r2,r12") S("umaal r6,r1,r11,r12")
        S("ldrd r2,r11,[lr,#16]") S("umaal r7,r1,r2,r12") S("umaal r8,r1,r11,r12")
        S("ldr r2,[lr,#24]") S("umaal r9,r1,r2,r12") S("add r10,r10,r1")
        S("stm r0,{r3-r10}") S("pop {r4-r11,pc}"));
}

#undef S
#undef NAKED
#undef ZERO
#undef ALSO
#undef ROWS
#undef LATER_ROWS
#undef LIMBS
#undef PUT
#undef TOP_LIMB
#undef DOUBLE
#undef SELECT
#undef TOP
#undef CHAIN
