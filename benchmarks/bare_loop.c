/* The limit: what a libretro core itself can do, without a picture converted, a variable read or an episode counted.
 *
 *     bare_loop --core FILE --rom FILE [--state FILE] [--system DIRECTORY] [--option KEY=VALUE]... [--buttons FILE]
 *               [--first N] [--frame-skip N] [--rendered N] [--hook] [--frameskip-auto]
 *
 * The environment is answered as stable-retro answers it: options only where --option names them. --state is the core's
 * own savestate. --buttons holds masks of the first pad, two bytes each, lowest first, used in turn from the --first;
 * each is held for --frame-skip frames. Of those the last --rendered (2) are drawn; on the others --hook calls the
 * core's stable_retro_run_skip_render, and --frameskip-auto reports an audio underrun to the core.
 *
 * It answers each line on standard input with a line on standard output that begins with "peer: ":
 *     run SECONDS EVERY {"frames": N, "seconds": S}   loads the state again every so many frames; 0 for never
 *     load COUNT GAP    {"load_us": [...], "start_us": [...]}   one load, and one load with the frame after it, each
 *                       COUNT times, after GAP frames
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../native/libretro.h"

enum { max_options = 64, max_loads = 10000 };

static struct {
    const char *core, *rom, *state, *system, *buttons;
    const char *keys[max_options], *values[max_options];
    int num_options, frame_skip, rendered;
    size_t first;
    bool hook, frameskip_auto;
} arguments = {.frame_skip = 1, .rendered = 2, .system = "."};

static struct {
    void (*run)(void);
    void (*run_skip_render)(void);
    size_t (*serialize_size)(void);
    bool (*unserialize)(const void *, size_t);
} core;

static uint16_t pad;
static retro_audio_buffer_status_callback_t audio_buffer_status;

static void fail(const char *what, const char *which) {
    fprintf(stderr, "bare_loop: %s %s\n", what, which ? which : "");
    exit(1);
}

static void no_log(enum retro_log_level level, const char *format, ...) {
    (void)level;
    (void)format;
}

static bool environment(unsigned command, void *data) {
    switch (command) {
    case RETRO_ENVIRONMENT_SET_ROTATION:
    case RETRO_ENVIRONMENT_SET_PIXEL_FORMAT:
    case RETRO_ENVIRONMENT_SET_SERIALIZATION_QUIRKS:
    case RETRO_ENVIRONMENT_SET_MEMORY_MAPS:
        return true;
    case RETRO_ENVIRONMENT_GET_CAN_DUPE:
        *(bool *)data = true;
        return true;
    case RETRO_ENVIRONMENT_GET_SYSTEM_DIRECTORY:
        *(const char **)data = arguments.system;
        return true;
    case RETRO_ENVIRONMENT_GET_LOG_INTERFACE:
        ((struct retro_log_callback *)data)->log = no_log;
        return true;
    case RETRO_ENVIRONMENT_GET_VARIABLE: {
        struct retro_variable *variable = data;
        for (int i = 0; i < arguments.num_options; i++)
            if (strcmp(variable->key, arguments.keys[i]) == 0) {
                variable->value = arguments.values[i];
                return true;
            }
        return false;
    }
    case RETRO_ENVIRONMENT_SET_AUDIO_BUFFER_STATUS_CALLBACK:
        if (!arguments.frameskip_auto) return false;
        audio_buffer_status = data ? ((struct retro_audio_buffer_status_callback *)data)->callback : NULL;
        return true;
    default:
        return false;
    }
}

static void video(const void *data, unsigned width, unsigned height, size_t pitch) {
    (void)data, (void)width, (void)height, (void)pitch;
}

static void audio_sample(int16_t left, int16_t right) { (void)left, (void)right; }

static size_t audio_batch(const int16_t *data, size_t frames) {
    (void)data;
    return frames;
}

static void input_poll(void) {}

static int16_t input_state(unsigned port, unsigned device, unsigned index, unsigned id) {
    (void)device, (void)index;
    return port == 0 && id < 16 ? (pad >> id) & 1 : 0;
}

static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot read", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size) fail("cannot read", path);
    fclose(file);
    return data;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void parse(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--hook") == 0) {
            arguments.hook = true;
            continue;
        }
        if (strcmp(name, "--frameskip-auto") == 0) {
            arguments.frameskip_auto = true;
            continue;
        }
        if (i + 1 == argc) fail("no value for", name);
        char *value = argv[++i];
        if (strcmp(name, "--core") == 0) arguments.core = value;
        else if (strcmp(name, "--rom") == 0) arguments.rom = value;
        else if (strcmp(name, "--state") == 0) arguments.state = value;
        else if (strcmp(name, "--system") == 0) arguments.system = value;
        else if (strcmp(name, "--buttons") == 0) arguments.buttons = value;
        else if (strcmp(name, "--frame-skip") == 0) arguments.frame_skip = atoi(value);
        else if (strcmp(name, "--rendered") == 0) arguments.rendered = atoi(value);
        else if (strcmp(name, "--first") == 0) arguments.first = (size_t)atol(value);
        else if (strcmp(name, "--option") == 0) {
            char *equals = strchr(value, '=');
            if (!equals || arguments.num_options == max_options) fail("cannot take the option", value);
            *equals = '\0';
            arguments.keys[arguments.num_options] = value;
            arguments.values[arguments.num_options++] = equals + 1;
        } else fail("does not know", name);
    }
    if (!arguments.core || !arguments.rom) fail("needs --core and --rom", NULL);
    if (arguments.frame_skip < 1) fail("needs a --frame-skip of 1 or more", NULL);
}

/* dlsym gives a pointer to data; POSIX promises that it holds a function as well. */
#define SYMBOL(library, name) (*(void **)(&(name)) = dlsym(library, "retro_" #name))

static void open_core(void) {
    void *library = dlopen(arguments.core, RTLD_LAZY | RTLD_LOCAL);
    if (!library) fail("cannot load:", dlerror());
    void (*set_environment)(retro_environment_t), (*set_video_refresh)(retro_video_refresh_t),
        (*set_audio_sample)(retro_audio_sample_t), (*set_audio_sample_batch)(retro_audio_sample_batch_t),
        (*set_input_poll)(retro_input_poll_t), (*set_input_state)(retro_input_state_t), (*init)(void),
        (*run)(void), (*set_audio_enabled)(bool), (*get_system_av_info)(struct retro_system_av_info *);
    bool (*load_game)(const struct retro_game_info *), (*unserialize)(const void *, size_t);
    size_t (*serialize_size)(void);
    if (!SYMBOL(library, set_environment) || !SYMBOL(library, set_video_refresh) ||
        !SYMBOL(library, set_audio_sample) || !SYMBOL(library, set_audio_sample_batch) ||
        !SYMBOL(library, set_input_poll) || !SYMBOL(library, set_input_state) || !SYMBOL(library, init) ||
        !SYMBOL(library, run) || !SYMBOL(library, get_system_av_info) || !SYMBOL(library, load_game) ||
        !SYMBOL(library, unserialize) || !SYMBOL(library, serialize_size))
        fail("is no libretro core:", arguments.core);
    core.run = run;
    core.unserialize = unserialize;
    core.serialize_size = serialize_size;
    set_environment(environment);
    set_video_refresh(video);
    set_audio_sample(audio_sample);
    set_audio_sample_batch(audio_batch);
    set_input_poll(input_poll);
    set_input_state(input_state);
    init();
    struct retro_game_info game = {.path = arguments.rom};
    game.data = read_file(arguments.rom, &game.size);
    if (!load_game(&game)) fail("the core refuses", arguments.rom);
    struct retro_system_av_info av_info;
    get_system_av_info(&av_info);
    if (arguments.hook) {
        *(void **)(&core.run_skip_render) = dlsym(library, "stable_retro_run_skip_render");
        *(void **)(&set_audio_enabled) = dlsym(library, "stable_retro_set_audio_enabled");
        if (!core.run_skip_render) fail("no stable_retro_run_skip_render in", arguments.core);
        if (set_audio_enabled) set_audio_enabled(false);
    }
    core.run();
    core.run();
}

static void load(const void *state, size_t size) {
    if (state && !core.unserialize(state, size)) fail("the core refuses the savestate", arguments.state);
}

/* One decision: the same buttons for all its frames. */
static void step(void) {
    for (int left = arguments.frame_skip; left > 0; left--) {
        const bool drawn = left <= arguments.rendered;
        if (audio_buffer_status) audio_buffer_status(true, drawn ? 100 : 0, !drawn);
        if (core.run_skip_render && !drawn) core.run_skip_render();
        else core.run();
    }
}

static void print_times(const char *name, const double *times, int count) {
    printf("\"%s\": [", name);
    for (int i = 0; i < count; i++) printf("%s%.3f", i ? ", " : "", times[i] * 1e6);
    printf("]");
}

int main(int argc, char **argv) {
    parse(argc, argv);
    open_core();
    size_t state_size = 0, buttons_size = 0;
    const void *state = arguments.state ? read_file(arguments.state, &state_size) : NULL;
    const uint8_t *buttons = arguments.buttons ? read_file(arguments.buttons, &buttons_size) : NULL;
    const size_t num_masks = buttons_size / 2;
    load(state, state_size);
    printf("peer: {}\n");
    fflush(stdout);

    static double load_times[max_loads], start_times[max_loads];
    size_t next_mask = num_masks ? arguments.first % num_masks : 0;
    long since_load = 0, reload_every;
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        double seconds;
        int count, gap;
        if (sscanf(line, "run %lf %ld", &seconds, &reload_every) == 2) {
            const double begin = now();
            double end = begin;
            long frames = 0;
            for (; end - begin < seconds; end = now())
                for (int i = 0; i < 8; i++) {
                    if (num_masks) {
                        pad = (uint16_t)(buttons[2 * next_mask] | buttons[2 * next_mask + 1] << 8);
                        next_mask = (next_mask + 1) % num_masks;
                    }
                    step();
                    frames += arguments.frame_skip;
                    since_load += arguments.frame_skip;
                    if (reload_every && since_load >= reload_every) {
                        load(state, state_size);
                        since_load = 0;
                    }
                }
            printf("peer: {\"frames\": %ld, \"seconds\": %.6f}\n", frames, end - begin);
        } else if (sscanf(line, "load %d %d", &count, &gap) == 2 && count <= max_loads) {
            pad = 0;
            for (int i = 0; i < count; i++) {
                for (int frame = 0; frame < gap; frame++) core.run();
                const double begin = now();
                load(state, state_size);
                load_times[i] = now() - begin;
                core.run();
                start_times[i] = now() - begin;
            }
            printf("peer: {");
            print_times("load_us", load_times, count);
            printf(", ");
            print_times("start_us", start_times, count);
            printf("}\n");
        } else {
            fail("does not know the command", line);
        }
        fflush(stdout);
    }
    return 0;
}
