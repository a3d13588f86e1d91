// fe_13_armv6m.h: fe_mul and fe_sqr of fe_13.h in Thumb-1 assembly.
//
// Product scanning over 2 x 2 blocks of limbs: with A_i = (a0, a1), B_j = (b0, b1) a block
// adds a0 b0 to column 2 (i + j), a0 b1 + a1 b0 to the next, a1 b1 to the one after. The
// pairs of g are copied to the stack in reverse order, so that along a column both
// pointers go up and one LDM fetches a pair: 11 instructions for 4 products.
//
// r5 = pairs of f, r6 = reversed pairs of g, r7 = columns out, r8, r9, r10 = the three
// columns under way, r11 = carry between the high ones. Stack frame: 40 columns, 20 limbs.

__asm__(
    ".syntax unified\n.text\n.thumb\n"
    ".macro sc_block\n"
    "ldmia r5!,{r0,r1}\n ldmia r6!,{r2,r3}\n"
    "mov r4,r0\n muls r4,r2,r4\n add r8,r4\n"
    "muls r0,r3,r0\n add r9,r0\n muls r2,r1,r2\n add r9,r2\n muls r1,r3,r1\n add r10,r1\n"
    ".endm\n"
    // The square of one pair.
    ".macro sc_pair\n"
    "ldmia r5!,{r0,r1}\n"
    "mov r4,r0\n muls r4,r0,r4\n add r8,r4\n muls r0,r1,r0\n add r9,r0\n add r9,r0\n muls r1,r1,r1\n add r10,r1\n"
    ".endm\n"
    // Two low columns are done: stored as they are.
    ".macro sc_low\n"
    "mov r0,r8\n mov r1,r9\n stmia r7!,{r0,r1}\n"
    "mov r8,r10\n movs r0,#0\n mov r9,r0\n mov r10,r0\n"
    ".endm\n"
    // Two high columns are done: cut to 13 bits.
    ".macro sc_high\n"
    "mov r0,r8\n add r0,r11\n asrs r1,r0,#13\n add r1,r9\n asrs r2,r1,#13\n mov r11,r2\n"
    "lsls r0,r0,#19\n lsrs r0,r0,#19\n lsls r1,r1,#19\n lsrs r1,r1,#19\n stmia r7!,{r0,r1}\n"
    "mov r8,r10\n movs r0,#0\n mov r9,r0\n mov r10,r0\n"
    ".endm\n"
    ".macro sc_enter\n"
    "push {r4-r7,lr}\n mov r4,r8\n mov r5,r9\n mov r6,r10\n mov r7,r11\n push {r0,r4-r7}\n sub sp,#240\n"
    "mov r5,r1\n add r6,sp,#232\n mov r7,sp\n movs r0,#0\n mov r8,r0\n mov r9,r0\n mov r10,r0\n mov r11,r0\n"
    ".endm\n"
    // Columns and high limbs to the reduced element (fe_fold and fe_carry): x_i + 608 x_(i+20), balanced.
    ".macro sc_leave\n"
    "mov r0,r8\n add r0,r11\n asrs r1,r0,#13\n lsls r0,r0,#19\n lsrs r0,r0,#19\n stmia r7!,{r0,r1}\n"
    "mov r5,sp\n mov r7,sp\n movs r6,#76\n lsls r6,r6,#3\n movs r3,#1\n lsls r3,r3,#12\n movs r2,#0\n"
    ".rept 19\n"
    "ldr r1,[r5,#80]\n ldmia r5!,{r0}\n muls r1,r6,r1\n adds r0,r0,r1\n adds r0,r0,r2\n"
    "adds r2,r0,r3\n asrs r2,r2,#13\n lsls r1,r2,#13\n subs r0,r0,r1\n stmia r7!,{r0}\n"
    ".endr\n"
    "ldr r1,[r5,#80]\n ldr r0,[r5]\n muls r1,r6,r1\n adds r0,r0,r1\n adds r0,r0,r2\n"
    "mov r2,r0\n adds r2,#128\n asrs r2,r2,#8\n lsls r1,r2,#8\n subs r0,r0,r1\n str r0,[r7]\n"
    "movs r1,#19\n muls r2,r1,r2\n"
    "ldr r0,[sp]\n adds r0,r0,r2\n adds r2,r0,r3\n asrs r2,r2,#13\n lsls r1,r2,#13\n subs r0,r0,r1\n str r0,[sp]\n"
    "ldr r0,[sp,#4]\n adds r0,r0,r2\n adds r2,r0,r3\n asrs r2,r2,#13\n lsls r1,r2,#13\n subs r0,r0,r1\n"
    "str r0,[sp,#4]\n"
    "ldr r0,[sp,#8]\n adds r0,r0,r2\n str r0,[sp,#8]\n"
    "ldr r7,[sp,#240]\n mov r6,sp\n"
    ".rept 5\n ldmia r6!,{r0-r3}\n stmia r7!,{r0-r3}\n .endr\n"
    "add sp,#240\n pop {r0,r4-r7}\n mov r8,r4\n mov r9,r5\n mov r10,r6\n mov r11,r7\n pop {r4-r7,pc}\n"
    ".endm\n"

    ".balign 4\n.type fe_13_mul,%function\n.thumb_func\nfe_13_mul:\n"
    "sc_enter\n"
    ".set sc_i,232\n .rept 10\n ldmia r2!,{r3,r4}\n"
    "str r3,[sp,#sc_i]\n str r4,[sp,#sc_i+4]\n .set sc_i,sc_i-8\n .endr\n"
    // Column pair s takes A_0 .. A_s, then A_(s-9) .. A_9.
    ".set sc_s,0\n .rept 10\n"
    ".rept sc_s+1\n sc_block\n .endr\n sc_low\n"
    ".if sc_s<9\n subs r5,#8*(sc_s+1)\n subs r6,#8*(sc_s+2)\n .endif\n"
    ".set sc_s,sc_s+1\n .endr\n"
    ".rept 9\n"
    "subs r5,#8*(19-sc_s)\n subs r6,#8*(20-sc_s)\n"
    ".rept 19-sc_s\n sc_block\n .endr\n sc_high\n"
    ".set sc_s,sc_s+1\n .endr\n"
    "sc_leave\n"
    ".size fe_13_mul,.-fe_13_mul\n"

    // Squares: reversed pairs of 2 f; only i < j, then the square of the middle pair.
    ".balign 4\n.type fe_13_sqr,%function\n.thumb_func\nfe_13_sqr:\n"
    "sc_enter\n"
    ".set sc_i,232\n .rept 10\n ldmia r1!,{r3,r4}\n lsls r3,r3,#1\n lsls r4,r4,#1\n"
    "str r3,[sp,#sc_i]\n str r4,[sp,#sc_i+4]\n .set sc_i,sc_i-8\n .endr\n"
    ".set sc_s,0\n .rept 10\n"
    ".rept (sc_s+1)/2\n sc_block\n .endr\n"
    ".if sc_s%2==0\n sc_pair\n .endif\n sc_low\n"
    ".if sc_s<9\n subs r5,#8*((sc_s+2)/2)\n subs r6,#8*((sc_s+1)/2+1)\n .endif\n"
    ".set sc_s,sc_s+1\n .endr\n"
    // After column pair s - 1: f's pointer stands behind its last pair, g's behind as many blocks.
    ".rept 9\n"
    "subs r5,#8*((sc_s+1)/2-(sc_s-9))\n subs r6,#8*(sc_s/2-(sc_s-1-9))\n"
    ".rept (sc_s+1)/2-(sc_s-9)\n sc_block\n .endr\n"
    ".if sc_s%2==0\n sc_pair\n .endif\n sc_high\n"
    ".set sc_s,sc_s+1\n .endr\n"
    "sc_leave\n"
    ".size fe_13_sqr,.-fe_13_sqr\n"
    ".syntax unified\n");

__attribute__((visibility("hidden"))) void fe_13_mul(fe *h, const fe *f, const fe *g);
__attribute__((visibility("hidden"))) void fe_13_sqr(fe *h, const fe *f);

static inline __attribute__((always_inline)) void fe_mul(fe *h, const fe *f, const fe *g) {
    fe_13_mul(h, f, g);
}

static inline __attribute__((always_inline)) void fe_sqr(fe *h, const fe *f) {
    fe_13_sqr(h, f);
}
