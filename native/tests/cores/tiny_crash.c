/* Dies by SIGSEGV on the frame that byte 1 of the ROM names. */
#include "libretro.h"

static void crash_when_due(void);
#define TINY_EACH_FRAME crash_when_due
#include "tiny.h"

static void crash_when_due(void) {
    static volatile uint8_t *volatile nowhere;
    if (tiny_rom_byte(1) != 0 && tiny_get16(TINY_FRAME) == tiny_rom_byte(1)) *nowhere = 1;
}
