/* A game that fits on a page, as a libretro core: the smallest thing that a frontend can run.
 *
 * Each tiny_*.c beside this file includes it and is one core with one behaviour: what it defines before the include
 * replaces a part of the game. tiny_rgb565.c changes nothing. Everything is deterministic, and (but for
 * tiny_incomplete.c) a savestate holds everything.
 *
 * A ROM is any bytes, after the 16 bytes of an iNES header if it has one; those missing count as 0:
 *   byte 0  seeds the random byte
 *   byte 1  the frame on which tiny_crash.c crashes and tiny_hang.c hangs (0: never)
 *   byte 2  a choice that some variants offer, described in their files
 */
#ifndef TINY_H
#define TINY_H

#include "libretro.h"

#include <stdio.h>
#include <string.h>

/* ---- What a variant may define before it includes this file ---- */

#ifndef TINY_PIXEL_FORMAT
#define TINY_PIXEL_FORMAT RETRO_PIXEL_FORMAT_RGB565
#endif
#ifndef TINY_API_VERSION
#define TINY_API_VERSION RETRO_API_VERSION
#endif
#ifndef TINY_NEEDS_FULLPATH
#define TINY_NEEDS_FULLPATH false
#endif
#ifndef TINY_LOADED     /* bool (void): the ROM is loaded; false refuses it */
#define TINY_LOADED() true
#endif
#ifndef TINY_EACH_FRAME /* void (void): after the game's own frame, before its picture */
#define TINY_EACH_FRAME() ((void)0)
#endif
#ifndef TINY_SHOW       /* void (void): hands the picture to the frontend */
#define TINY_SHOW tiny_show
#endif
#ifndef TINY_PLAY       /* void (void): hands one frame's sound to the frontend */
#define TINY_PLAY tiny_play
#endif
#ifndef TINY_RUN        /* void (void): all of a frame */
#define TINY_RUN tiny_run
#endif
#ifndef TINY_CLOSE      /* void (void): before the library goes */
#define TINY_CLOSE() ((void)0)
#endif
/* Also: TINY_WITHOUT_RUN, TINY_OWN_MEMORY, TINY_OWN_SAVESTATE leave those functions to the variant. */

/* ---- The machine ---- */

#define TINY_WIDTH 64
#define TINY_HEIGHT 48
#define TINY_MAX_WIDTH 96
#define TINY_MAX_HEIGHT 72
#define TINY_FRAMES_PER_SECOND 60
#define TINY_SAMPLES_PER_SECOND 44100
#define TINY_SAMPLES_PER_FRAME (TINY_SAMPLES_PER_SECOND / TINY_FRAMES_PER_SECOND)
#define TINY_PIXEL_BYTES (TINY_PIXEL_FORMAT == RETRO_PIXEL_FORMAT_XRGB8888 ? 4 : 2)
#define TINY_PORTS 4

/* Where the game keeps what; the low byte comes first unless stated. */
enum tiny_address {
    TINY_FRAME = 0x00,         /* u16: frames since power on */
    TINY_FRAME_BIG = 0x02,     /* the same, high byte first */
    TINY_PADS = 0x04,          /* u16 for each of 4 ports: bit i is libretro button i */
    TINY_SCORE_PAD2 = 0x0C,    /* u16: 1 point for each press of B on pad 2 */
    TINY_SCORE_BCD = 0x10,     /* 3 bytes, packed BCD, high digits first: 7 points for each press of B on pad 1 */
    TINY_SCORE_DIGITS = 0x14,  /* 4 bytes, one decimal digit each, high digit first */
    TINY_LIVES = 0x18,         /* i8: 3 at first, 1 less for each press of SELECT; the game is over at -1 */
    TINY_RANDOM = 0x19,        /* u8 */
    TINY_HISTORY = 0x1C,       /* u32: a hash over the pads of all frames */
    TINY_X = 0x20,             /* i16: LEFT and RIGHT, from 0 */
    TINY_Y = 0x22,             /* i16: UP and DOWN, from 0 */
    TINY_HISTORY_BIG = 0x24,   /* the hash as two words, the high one first, the low byte first in each */
    TINY_HISTORY_MIXED = 0x28, /* the hash as two words, the low one first, the high byte first in each */
    TINY_ROM = 0x40,           /* the first 16 bytes of the ROM, without its header */
    TINY_VARIANT = 0x100       /* from here on: what a variant keeps, described in its file */
};

/* Everything that changes, so a savestate is a copy of this. */
struct tiny_machine {
    uint8_t ram[2048];
    uint8_t video_ram[256]; /* only tiny_maps.c shows it; byte i of frame f is f + i */
};

static struct tiny_machine tiny;

static retro_environment_t tiny_environment;
static retro_video_refresh_t tiny_video;
static retro_audio_sample_t tiny_audio_sample;
static retro_audio_sample_batch_t tiny_audio_batch;
static retro_input_poll_t tiny_input_poll;
static retro_input_state_t tiny_input_state;

static inline unsigned tiny_get16(unsigned address) { return tiny.ram[address] | tiny.ram[address + 1] << 8; }

static inline void tiny_put16(unsigned address, unsigned value) {
    tiny.ram[address] = (uint8_t)value;
    tiny.ram[address + 1] = (uint8_t)(value >> 8);
}

static inline uint32_t tiny_get32(unsigned address) {
    return tiny_get16(address) | (uint32_t)tiny_get16(address + 2) << 16;
}

static inline unsigned tiny_rom_byte(unsigned index) { return tiny.ram[TINY_ROM + index]; }

static void tiny_power_on(void) {
    uint8_t rom[16];
    memcpy(rom, tiny.ram + TINY_ROM, sizeof rom);
    memset(&tiny, 0, sizeof tiny);
    memcpy(tiny.ram + TINY_ROM, rom, sizeof rom);
    tiny.ram[TINY_RANDOM] = rom[0];
    tiny.ram[TINY_LIVES] = 3;
}

/* ---- The game ---- */

static void tiny_add_score(unsigned points) {
    unsigned score = 0;
    for (unsigned i = 0; i < 3; i++)
        score = score * 100 + (tiny.ram[TINY_SCORE_BCD + i] >> 4) * 10 + (tiny.ram[TINY_SCORE_BCD + i] & 15);
    score += points;
    for (unsigned i = 0, rest = score; i < 3; i++, rest /= 100)
        tiny.ram[TINY_SCORE_BCD + 2 - i] = (uint8_t)(rest / 10 % 10 << 4 | rest % 10);
    for (unsigned i = 0, rest = score; i < 4; i++, rest /= 10)
        tiny.ram[TINY_SCORE_DIGITS + 3 - i] = (uint8_t)(rest % 10);
}

static void tiny_move(unsigned address, unsigned pad, unsigned less, unsigned more) {
    int step = (int)(pad >> more & 1) - (int)(pad >> less & 1);
    tiny_put16(address, tiny_get16(address) + (unsigned)step);
}

static void tiny_advance(void) {
    unsigned frame = tiny_get16(TINY_FRAME) + 1;
    tiny_put16(TINY_FRAME, frame);
    tiny.ram[TINY_FRAME_BIG] = (uint8_t)(frame >> 8);
    tiny.ram[TINY_FRAME_BIG + 1] = (uint8_t)frame;

    uint32_t history = tiny_get32(TINY_HISTORY);
    unsigned pressed[TINY_PORTS]; /* buttons that were up one frame ago */
    for (unsigned port = 0; port < TINY_PORTS; port++) {
        unsigned pad = 0;
        for (unsigned button = 0; button < 16; button++)
            if (tiny_input_state(port, RETRO_DEVICE_JOYPAD, 0, button)) pad |= 1u << button;
        pressed[port] = pad & ~tiny_get16(TINY_PADS + 2 * port);
        tiny_put16(TINY_PADS + 2 * port, pad);
        history = (history ^ pad) * 16777619u + 1;
    }
    tiny_put16(TINY_HISTORY, history & 0xFFFF);
    tiny_put16(TINY_HISTORY + 2, history >> 16);
    tiny_put16(TINY_HISTORY_BIG, history >> 16);
    tiny_put16(TINY_HISTORY_BIG + 2, history & 0xFFFF);
    for (unsigned i = 0; i < 4; i++) tiny.ram[TINY_HISTORY_MIXED + i] = tiny.ram[TINY_HISTORY + (i ^ 1)];

    int8_t lives = (int8_t)tiny.ram[TINY_LIVES];
    if (lives >= 0) {
        if (pressed[0] >> RETRO_JOYPAD_B & 1) tiny_add_score(7);
        if (pressed[1] >> RETRO_JOYPAD_B & 1) tiny_put16(TINY_SCORE_PAD2, tiny_get16(TINY_SCORE_PAD2) + 1);
        if (pressed[0] >> RETRO_JOYPAD_SELECT & 1) tiny.ram[TINY_LIVES] = (uint8_t)(lives - 1);
        tiny_move(TINY_X, tiny_get16(TINY_PADS), RETRO_JOYPAD_LEFT, RETRO_JOYPAD_RIGHT);
        tiny_move(TINY_Y, tiny_get16(TINY_PADS), RETRO_JOYPAD_UP, RETRO_JOYPAD_DOWN);
    }
    tiny.ram[TINY_RANDOM] = (uint8_t)(tiny.ram[TINY_RANDOM] * 141 + 3 + (history >> 24 & 1));
    for (unsigned i = 0; i < sizeof tiny.video_ram; i++) tiny.video_ram[i] = (uint8_t)(frame + i);
}

/* ---- Picture and sound ---- */

/* The colour of a dot, 5 bits each of red, green and blue: a pattern that moves, the pads' buttons as dots in the upper
 * left corner (a row for each pad), and a square that the first pad moves. */
static unsigned tiny_colour(unsigned x, unsigned y) {
    if (y < TINY_PORTS && x < 16) return tiny_get16(TINY_PADS + 2 * y) >> x & 1 ? 0x7FFF : 0;
    int right = (int)x + 999 * TINY_WIDTH + TINY_WIDTH / 2 - (int16_t)tiny_get16(TINY_X);
    int below = (int)y + 999 * TINY_HEIGHT + TINY_HEIGHT / 2 - (int16_t)tiny_get16(TINY_Y);
    if (right % TINY_WIDTH < 4 && below % TINY_HEIGHT < 4) return 0x7FFF;
    unsigned red = x + tiny_get16(TINY_FRAME), green = y + tiny.ram[TINY_RANDOM], blue = tiny.ram[TINY_HISTORY];
    return (red & 31) << 10 | (green & 31) << 5 | (blue & 31);
}

static inline void tiny_draw(uint8_t *pixels, unsigned width, unsigned height, size_t pitch) {
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            unsigned colour = tiny_colour(x, y), red = colour >> 10, green = colour >> 5 & 31, blue = colour & 31;
            uint8_t *pixel = pixels + y * pitch + x * TINY_PIXEL_BYTES;
            if (TINY_PIXEL_FORMAT == RETRO_PIXEL_FORMAT_XRGB8888) {
                uint32_t value = red << 19 | green << 11 | blue << 3;
                memcpy(pixel, &value, 4);
            } else {
                uint16_t value = (uint16_t)(TINY_PIXEL_FORMAT == RETRO_PIXEL_FORMAT_RGB565
                                                ? red << 11 | green << 6 | blue
                                                : colour);
                memcpy(pixel, &value, 2);
            }
        }
    }
}

static inline void tiny_show(void) {
    static uint8_t pixels[TINY_WIDTH * TINY_HEIGHT * TINY_PIXEL_BYTES];
    tiny_draw(pixels, TINY_WIDTH, TINY_HEIGHT, TINY_WIDTH * TINY_PIXEL_BYTES);
    tiny_video(pixels, TINY_WIDTH, TINY_HEIGHT, TINY_WIDTH * TINY_PIXEL_BYTES);
}

static inline void tiny_play(void) {
    static const int16_t silence[2 * TINY_SAMPLES_PER_FRAME];
    tiny_audio_batch(silence, TINY_SAMPLES_PER_FRAME);
}

static inline void tiny_run(void) {
    tiny_input_poll();
    tiny_advance();
    TINY_EACH_FRAME();
    TINY_SHOW();
    TINY_PLAY();
}

/* ---- The libretro interface ---- */

void retro_set_environment(retro_environment_t callback) { tiny_environment = callback; }
void retro_set_video_refresh(retro_video_refresh_t callback) { tiny_video = callback; }
void retro_set_audio_sample(retro_audio_sample_t callback) { tiny_audio_sample = callback; }
void retro_set_audio_sample_batch(retro_audio_sample_batch_t callback) { tiny_audio_batch = callback; }
void retro_set_input_poll(retro_input_poll_t callback) { tiny_input_poll = callback; }
void retro_set_input_state(retro_input_state_t callback) { tiny_input_state = callback; }
void retro_set_controller_port_device(unsigned port, unsigned device) { (void)port, (void)device; }

void retro_init(void) {}
void retro_deinit(void) { TINY_CLOSE(); }
unsigned retro_api_version(void) { return TINY_API_VERSION; }

void retro_get_system_info(struct retro_system_info *info) {
    memset(info, 0, sizeof *info);
    info->library_name = "tiny";
    info->library_version = "1";
    info->valid_extensions = "nes|tiny";
    info->need_fullpath = TINY_NEEDS_FULLPATH;
}

void retro_get_system_av_info(struct retro_system_av_info *info) {
    memset(info, 0, sizeof *info);
    info->geometry.base_width = TINY_WIDTH;
    info->geometry.base_height = TINY_HEIGHT;
    info->geometry.max_width = TINY_MAX_WIDTH;
    info->geometry.max_height = TINY_MAX_HEIGHT;
    info->geometry.aspect_ratio = (float)TINY_WIDTH / TINY_HEIGHT;
    info->timing.fps = TINY_FRAMES_PER_SECOND;
    info->timing.sample_rate = TINY_SAMPLES_PER_SECOND;
}

bool retro_load_game(const struct retro_game_info *game) {
    int format = TINY_PIXEL_FORMAT;
    /* 0RGB1555 is what a frontend expects of a core that says nothing. */
    if (format != RETRO_PIXEL_FORMAT_0RGB1555 && !tiny_environment(RETRO_ENVIRONMENT_SET_PIXEL_FORMAT, &format))
        return false;
    uint8_t rom[32] = {0};
    if (TINY_NEEDS_FULLPATH) {
        FILE *file = game && game->path ? fopen(game->path, "rb") : NULL;
        if (!file) return false;
        size_t size_bytes = fread(rom, 1, sizeof rom, file);
        fclose(file);
        if (size_bytes == 0) return false;
    } else {
        if (!game || !game->data) return false;
        memcpy(rom, game->data, game->size < sizeof rom ? game->size : sizeof rom);
    }
    memcpy(tiny.ram + TINY_ROM, memcmp(rom, "NES\x1A", 4) == 0 ? rom + 16 : rom, 16);
    tiny_power_on();
    return TINY_LOADED();
}

void retro_unload_game(void) {}
void retro_reset(void) { tiny_power_on(); }

#ifndef TINY_WITHOUT_RUN
void retro_run(void) { TINY_RUN(); }
#endif

#ifndef TINY_OWN_SAVESTATE
size_t retro_serialize_size(void) { return sizeof tiny; }

bool retro_serialize(void *data, size_t size_bytes) {
    if (size_bytes < sizeof tiny) return false;
    memcpy(data, &tiny, sizeof tiny);
    return true;
}

bool retro_unserialize(const void *data, size_t size_bytes) {
    if (size_bytes != sizeof tiny) return false;
    memcpy(&tiny, data, sizeof tiny);
    return true;
}
#endif

#ifndef TINY_OWN_MEMORY
void *retro_get_memory_data(unsigned kind) { return kind == RETRO_MEMORY_SYSTEM_RAM ? tiny.ram : NULL; }
size_t retro_get_memory_size(unsigned kind) { return kind == RETRO_MEMORY_SYSTEM_RAM ? sizeof tiny.ram : 0; }
#endif

#endif
