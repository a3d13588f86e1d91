# Start of a program for QEMU's Xtensa "sim" machine: window exceptions as the architecture manual defines them, a
# stack, and the simulator's system call. All of it runs at 0x60000000, where core de212 has its memory.
    .text
    .p2align 10
    .global vectors
vectors:
    s32e a0, a5, -16            # overflow of 4 registers
    s32e a1, a5, -12
    s32e a2, a5, -8
    s32e a3, a5, -4
    rfwo
    .p2align 6
    l32e a0, a5, -16            # underflow of 4
    l32e a1, a5, -12
    l32e a2, a5, -8
    l32e a3, a5, -4
    rfwu
    .p2align 6
    s32e a0, a9, -16            # overflow of 8
    l32e a0, a1, -12
    s32e a1, a9, -12
    s32e a2, a9, -8
    s32e a3, a9, -4
    s32e a4, a0, -32
    s32e a5, a0, -28
    s32e a6, a0, -24
    s32e a7, a0, -20
    rfwo
    .p2align 6
    l32e a0, a9, -16            # underflow of 8
    l32e a1, a9, -12
    l32e a2, a9, -8
    l32e a7, a1, -12
    l32e a3, a9, -4
    l32e a4, a7, -32
    l32e a5, a7, -28
    l32e a6, a7, -24
    l32e a7, a7, -20
    rfwu
    .p2align 6
    s32e a0, a13, -16           # overflow of 12
    l32e a0, a1, -12
    s32e a1, a13, -12
    s32e a2, a13, -8
    s32e a3, a13, -4
    s32e a4, a0, -48
    s32e a5, a0, -44
    s32e a6, a0, -40
    s32e a7, a0, -36
    s32e a8, a0, -32
    s32e a9, a0, -28
    s32e a10, a0, -24
    s32e a11, a0, -20
    rfwo
    .p2align 6
    l32e a0, a13, -16           # underflow of 12
    l32e a1, a13, -12
    l32e a2, a13, -8
    l32e a11, a1, -12
    l32e a3, a13, -4
    l32e a4, a11, -48
    l32e a5, a11, -44
    l32e a6, a11, -40
    l32e a7, a11, -36
    l32e a8, a11, -32
    l32e a9, a11, -28
    l32e a10, a11, -24
    l32e a11, a11, -20
    rfwu
    .p2align 6
    .rept 18                    # every other exception ends the program with code 99; its vector depends on the core
    j stop
    .p2align 6
    .endr
stop:
    movi a2, 1
    movi a3, 99
    .byte 0x00, 0x51, 0x00      # simcall
    j stop

    .global start
    .p2align 2
start:
    movi a0, 0
    movi a1, 1
    wsr a1, windowstart
    wsr a0, windowbase
    rsync
    l32r a1, .Lvectors
    wsr a1, vecbase
    l32r a2, .Lstack
    addi a1, a2, -64
    addi a3, a1, -16
    s32i a2, a3, 4              # the end of the frame above the first, where an overflow of the first looks for it
    movi a2, 1
    slli a2, a2, 18             # PS.WOE
    wsr a2, ps
    rsync
    l32r a4, .Lmain
    callx8 a4
    mov a3, a10
    movi a2, 1
    .byte 0x00, 0x51, 0x00
    j stop

    .global sim_call
    .p2align 2
sim_call:
    entry a1, 32
    .byte 0x00, 0x51, 0x00
    retw
    .section .literal,"ax",@progbits
    .p2align 2
.Lvectors:
    .4byte vectors
.Lstack:
    .4byte 0x60800000
.Lmain:
    .4byte xtensa_main
