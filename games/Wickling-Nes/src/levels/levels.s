; The levels: sections of 32 columns and 13 rows, one after the other.

NUM_LEVELS = 4

.define LEVEL_LISTS list_1, list_2, list_3, list_4, list_duel
level_list_low:  .lobytes LEVEL_LISTS
level_list_high: .hibytes LEVEL_LISTS

level_width:   .byte LEVEL_1_COLUMNS, LEVEL_2_COLUMNS, LEVEL_3_COLUMNS, LEVEL_4_COLUMNS, 16
level_back:    .byte 0, 0, 0, 1, 0
level_look:    .byte 0, 1, 2, 3, 4
level_goal:    .byte LEVEL_1_GOAL, LEVEL_2_GOAL, LEVEL_3_GOAL, LEVEL_4_GOAL, 0
level_start:   .byte 2, 2, 2, LEVEL_4_START, 2
level_start_y: .byte 184, 184, 184, 184, 184
level_tune:    .byte 1, 2, 1, 2, 3

    level_letters
.include "level_1.s"
.include "level_2.s"
.include "level_3.s"
.include "level_4.s"
.include "arena.s"
    screen_letters
