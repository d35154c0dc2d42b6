/* Dies as the first pad says: with START held it crashes, with START and A it hangs, with START and B it gives up with
 * words, with START and SELECT it ends the process.
 *
 *   0x100  a savestate in which this is 0xDE crashes as it is loaded; 0xAD hangs
 */
#define _GNU_SOURCE
#include "libretro.h"

static void die_when_told(void);
#define TINY_EACH_FRAME die_when_told
#define TINY_OWN_SAVESTATE
#include "tiny.h"

#include <stdlib.h>
#include <unistd.h>

static void crash(void) {
    static volatile uint8_t *volatile nowhere;
    *nowhere = 1;
}

static void hang(void) {
    for (;;) usleep(10000);
}

static void die_when_told(void) {
    unsigned pad = tiny_get16(TINY_PADS);
    if (!(pad >> RETRO_JOYPAD_START & 1)) return;
    if (pad >> RETRO_JOYPAD_A & 1) hang();
    if (pad >> RETRO_JOYPAD_SELECT & 1) exit(3);
    if (pad >> RETRO_JOYPAD_B & 1) {
        fprintf(stderr, "these are my last words\n");
        abort();
    }
    crash();
}

size_t retro_serialize_size(void) { return sizeof tiny; }

bool retro_serialize(void *data, size_t size_bytes) {
    if (size_bytes < sizeof tiny) return false;
    memcpy(data, &tiny, sizeof tiny);
    return true;
}

bool retro_unserialize(const void *data, size_t size_bytes) {
    if (size_bytes != sizeof tiny) return false;
    memcpy(&tiny, data, sizeof tiny);
    if (tiny.ram[TINY_VARIANT] == 0xDE) crash();
    if (tiny.ram[TINY_VARIANT] == 0xAD) hang();
    return true;
}
