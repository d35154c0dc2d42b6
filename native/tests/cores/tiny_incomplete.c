/* Counts its frames outside the savestate, and lets the count into the game: the random byte, hence the picture.
 *
 * So what follows a savestate depends on what came before it. u16 at 0x100: the count. Loading the game again clears it
 * if byte 2 of the ROM is 0; otherwise only a fresh copy of the library does.
 */
#include "libretro.h"

static bool forget(void);
static void count(void);
#define TINY_LOADED forget
#define TINY_EACH_FRAME count
#include "tiny.h"

static unsigned num_frames;

static bool forget(void) {
    if (tiny_rom_byte(2) == 0) num_frames = 0;
    return true;
}

static void count(void) {
    num_frames++;
    tiny_put16(TINY_VARIANT, num_frames);
    tiny.ram[TINY_RANDOM] += (uint8_t)num_frames;
}
