// What a counted program needs from the machine: a start, a way to print, a way to stop and an instruction counter.
// QEMU loads the image with zeroed .bss, so there is no start-up copying.
#include <stdint.h>
#include <stddef.h>

int main(void);

#if defined(__riscv)

__attribute__((naked, section(".start"))) void start(void) {
    __asm__ volatile (".option push\n.option norelax\nla sp, stack_top\n.option pop\ncall main\n1: j 1b");
}

static inline uintptr_t semihost(uintptr_t op, const void *arg) {
    register uintptr_t a0 __asm__("a0") = op;
    register const void *a1 __asm__("a1") = arg;
    // The three instructions QEMU recognises must be uncompressed and in one page.
    __asm__ volatile (".option push\n.option norvc\n.balign 16\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
        : "+r" (a0) : "r" (a1) : "memory");
    return a0;
}

// Under -icount shift=0 minstret counts instructions.
static inline uint64_t counter(void) {
    uint32_t high, low, again;
    do {
        __asm__ volatile (".option push\n.option arch, +zicsr\n"
            "csrr %0, minstreth\ncsrr %1, minstret\ncsrr %2, minstreth\n.option pop"
            : "=r" (high), "=r" (low), "=r" (again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}
static void counter_start(void) {
}
#define SINCE(t) (counter() - (t))
#define TICKS_PER_1000_INSTRUCTIONS 1000

#elif defined(__arm__)

__attribute__((naked)) void start(void) {
    #if defined(__ARM_FP)
    // The floating-point unit is off after reset; compilers keep integers in its registers.
    __asm__ volatile ("ldr r0, =0xe000ed88\nldr r1, [r0]\norr r1, #0xf00000\nstr r1, [r0]\ndsb\nisb");
    #endif
    __asm__ volatile ("bl main\n1: b 1b\n.ltorg");
}
extern char stack_top[];
__attribute__((section(".vectors"), used)) static const void *const vectors[] = { stack_top, (const void *)start };

static inline uintptr_t semihost(uintptr_t op, const void *arg) {
    register uintptr_t r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = arg;
    __asm__ volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

// CMSDK timer 0 counts down at TIMER_HZ of virtual time. Run with -icount shift=7 (128 ns an instruction), so that
// more than two ticks pass in one instruction and the count of instructions comes out exact.
static volatile uint32_t *const timer = (volatile uint32_t *)TIMER_BASE;
static void counter_start(void) {
    timer[1] = timer[2] = 0xffffffff;
    timer[0] = 1;
}
static inline uint64_t counter(void) {
    return timer[1];
}
#define SINCE(t) ((uint32_t)(t) - timer[1])
#define TICKS_PER_1000_INSTRUCTIONS (128 * (TIMER_HZ / 1000000))

#endif

static inline void print(const char *text) {
    semihost(4, text);
}

static inline void print_number(uint64_t n) {
    char text[21];
    size_t at = sizeof(text);
    text[--at] = 0;
    do {
        text[--at] = '0' + n % 10;
        n /= 10;
    } while (n);
    print(text + at);
}

static inline void print_hex(const char *label, const void *data, size_t size) {
    char text[3] = { 0, 0, 0 };
    print(label);
    print(" ");
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = ((const uint8_t *)data)[i];
        text[0] = "0123456789abcdef"[byte >> 4];
        text[1] = "0123456789abcdef"[byte & 15];
        print(text);
    }
    print("\n");
}

__attribute__((noreturn)) static inline void stop(void) {
    semihost(0x18, (const void *)0x20026);
    for (;;) {
    }
}
