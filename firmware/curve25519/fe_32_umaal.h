// fe_32_umaal.h: the arithmetic of fe_32.h in Thumb-2 assembly with UMAAL.
// Naked functions with the usual calling convention: r0 = h, r1 = f, r2 = g.

#define S(x) x "\n\t"
// noipa: gcc must not conclude from the empty C body which registers are changed.
#ifdef __clang__
#define NAKED static __attribute__((naked, noinline))
#else
#define NAKED static __attribute__((naked, noipa))
#endif

// One row: the window w0..w3 (positions i .. i + 3 of the product) plus b times the four
// limbs of f in r3-r6, carry in c, which ends as position i + 4. w0 is then final.
#define ROW(w0, w1, w2, w3, c, b) \
    S("umaal " w0 "," c ",r3," b) S("umaal " w1 "," c ",r4," b) \
    S("umaal " w2 "," c ",r5," b) S("umaal " w3 "," c ",r6," b)
#define ZERO(r) S("mov " r ",#0")
#define PUT(r, i) S("str " r ",[sp,#4*" #i "]")
#define GET(r, i) S("ldr " r ",[sp,#4*" #i "]")
#define TWO_LIMBS(i) S("ldrd r12,lr,[r2,#4*" #i "]")

// Low half of f times g (positions 0..11, kept on the stack), then the high half (positions
// 4..15): there each row's carry starts as the low half's word at its position.
NAKED void fe_mul(fe *h, const fe *f, const fe *g) {
    (void)h, (void)f, (void)g;
    __asm__(
        S("push {r4-r11,lr}") S("sub sp,#48")
        S("ldm r1!,{r3-r6}")
        ZERO("r7") ZERO("r8") ZERO("r9") ZERO("r10") ZERO("r11")
        TWO_LIMBS(0)
        ROW("r7", "r8", "r9", "r10", "r11", "r12") PUT("r7", 0) ZERO("r7")
        ROW("r8", "r9", "r10", "r11", "r7", "lr") PUT("r8", 1) ZERO("r8")
        TWO_LIMBS(2)
        ROW("r9", "r10", "r11", "r7", "r8", "r12") PUT("r9", 2) ZERO("r9")
        ROW("r10", "r11", "r7", "r8", "r9", "lr") PUT("r10", 3) ZERO("r10")
        TWO_LIMBS(4)
        ROW("r11", "r7", "r8", "r9", "r10", "r12") PUT("r11", 4) ZERO("r11")
        ROW("r7", "r8", "r9", "r10", "r11", "lr") PUT("r7", 5) ZERO("r7")
        TWO_LIMBS(6)
        ROW("r8", "r9", "r10", "r11", "r7", "r12") PUT("r8", 6) ZERO("r8")
        ROW("r9", "r10", "r11", "r7", "r8", "lr") PUT("r9", 7)
        PUT("r10", 8) PUT("r11", 9) PUT("r7", 10) PUT("r8", 11)
        S("ldm r1,{r3-r6}")
        ZERO("r7") ZERO("r8") ZERO("r9") ZERO("r10")
        TWO_LIMBS(0)
        GET("r11", 4) ROW("r7", "r8", "r9", "r10", "r11", "r12") PUT("r7", 4)
        GET("r7", 5) ROW("r8", "r9", "r10", "r11", "r7", "lr") PUT("r8", 5)
        TWO_LIMBS(2)
        GET("r8", 6) ROW("r9", "r10", "r11", "r7", "r8", "r12") PUT("r9", 6)
        GET("r9", 7) ROW("r10", "r11", "r7", "r8", "r9", "lr") PUT("r10", 7)
        TWO_LIMBS(4)
        GET("r10", 8) ROW("r11", "r7", "r8", "r9", "r10", "r12") PUT("r11", 8)
        GET("r11", 9) ROW("r7", "r8", "r9", "r10", "r11", "lr") PUT("r7", 9)
        TWO_LIMBS(6)
        GET("r7", 10) ROW("r8", "r9", "r10", "r11", "r7", "r12") PUT("r8", 10)
        GET("r8", 11) ROW("r9", "r10", "r11", "r7", "r8", "lr")
        // Positions 0..10 on the stack, 11 in r9, 12..15 in r10, r11, r7, r8. Limb 7 first.
        S("mov r12,#38") GET("r3", 7) ZERO("lr") S("umaal r3,lr,r8,r12")
        S("lsl lr,lr,#1") S("orr lr,lr,r3,lsr #31") S("bic r3,r3,#0x80000000")
        S("add r4,lr,lr,lsl #1") S("add lr,r4,lr,lsl #4")  // 19 times
        S("ldrd r4,r5,[sp]") S("ldrd r6,r8,[sp,#32]")
        S("umaal r4,lr,r6,r12") S("umaal r5,lr,r8,r12") S("strd r4,r5,[r0]")
        S("ldrd r4,r5,[sp,#8]") GET("r6", 10)
        S("umaal r4,lr,r6,r12") S("umaal r5,lr,r9,r12") S("strd r4,r5,[r0,#8]")
        S("ldrd r4,r5,[sp,#16]") GET("r6", 6)
        S("umaal r4,lr,r10,r12") S("umaal r5,lr,r11,r12") S("umaal r6,lr,r7,r12") S("add r3,r3,lr")
        S("add r0,r0,#16") S("stm r0,{r4,r5,r6}") S("str r3,[r0,#12]")
        S("add sp,#48") S("pop {r4-r11,pc}"));
}

static inline void fe_sqr(fe *h, const fe *f) {
    fe_mul(h, f, f);
}

// r3-r10 is a number, r1 what it has above 2^256; 19 times what is above 2^255 goes to r1.
#define TOP S("lsl r1,r1,#1") S("orr r1,r1,r10,lsr #31") S("add r2,r1,r1,lsl #1") S("add r1,r2,r1,lsl #4")
#define CHAIN(r) S("adcs r4,r4," r) S("adcs r5,r5," r) S("adcs r6,r6," r) S("adcs r7,r7," r) S("adcs r8,r8," r) \
    S("adcs r9,r9," r) S("adc r10,r10," r)

NAKED void fe_add(fe *h, const fe *f, const fe *g) {
    (void)h, (void)f, (void)g;
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
    (void)h, (void)f, (void)g;
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
    (void)h, (void)f, (void)g;
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
#undef ROW
#undef ZERO
#undef PUT
#undef GET
#undef TWO_LIMBS
#undef TOP
#undef CHAIN
