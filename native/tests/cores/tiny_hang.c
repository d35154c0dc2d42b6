/* Never returns from the frame that byte 1 of the ROM names. */
#define _GNU_SOURCE
#include "libretro.h"

static void hang_when_due(void);
#define TINY_EACH_FRAME hang_when_due
#include "tiny.h"

#include <unistd.h>

static void hang_when_due(void) {
    /* It sleeps, so that a test that waits for a hung core leaves the processor to the others. */
    if (tiny_rom_byte(1) != 0 && tiny_get16(TINY_FRAME) == tiny_rom_byte(1))
        for (;;) usleep(10000);
}
