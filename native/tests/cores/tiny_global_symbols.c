/* Exports a function named crc32, as cores with a zlib of their own do, and calls it.
 *
 * If the program that loads this core has another crc32 in its global scope, the dynamic linker may bind the call to
 * that one. u32 at 0x100: 0x600D600D if the call arrived here, else whatever the other one returned.
 */
#include "libretro.h"

static void call_own_function(void);
#define TINY_EACH_FRAME call_own_function
#include "tiny.h"

unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned size) {
    (void)crc, (void)data, (void)size;
    return 0x600D600D;
}

static void call_own_function(void) {
    unsigned long answer = crc32(0, (const unsigned char *)"tiny", 4);
    tiny_put16(TINY_VARIANT, answer & 0xFFFF);
    tiny_put16(TINY_VARIANT + 2, answer >> 16 & 0xFFFF);
}
