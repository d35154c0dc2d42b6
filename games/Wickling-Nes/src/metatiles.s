; Metatiles: 16 x 16 dots of the level. The names are the values in level_map.

MT_EMPTY      = 0
MT_FILL       = 1
MT_TOP        = 2
MT_BRICK      = 3
MT_HARD       = 4
MT_BONUS      = 5
MT_USED       = 6
MT_POT_TL     = 7
MT_POT_TR     = 8
MT_POT_L      = 9
MT_POT_R      = 10
MT_EMBER      = 11
MT_THORN_UP   = 12
MT_THORN_DOWN = 13
MT_SHELF      = 14
MT_TORCH      = 15
MT_TORCH_LIT  = 16
MT_POLE       = 17
MT_BEACON     = 18
MT_DOOR_T     = 19
MT_DOOR_B     = 20
MT_OPEN_T     = 21
MT_OPEN_B     = 22
MT_KEY        = 23
MT_BACKDROP   = 24              ; from here on scenery, which is never in level_map
MT_CLOUD_L    = 24
MT_CLOUD_R    = 25
MT_HILL_UP    = 26
MT_HILL       = 27
MT_HILL_DOWN  = 28
MT_BUSH       = 29
MT_STAR       = 30
MT_WINDOW     = 31
MT_WALL       = 32
MT_COLUMN     = 33
MT_ARCH       = 34

; Every picture is two strips of two tiles, so that three of its tiles follow from the first.
mt_tile:
    .byte 0, T_FILL, T_TOP, T_BRICK, T_HARD, T_BONUS, T_USED, T_POT_TL, T_POT_TR, T_POT_L, T_POT_R, T_EMBER
    .byte T_THORN_UP, T_THORN_DOWN, T_SHELF, T_TORCH, T_TORCH_LIT, T_POLE, T_BEACON, T_DOOR_T, T_DOOR_B
    .byte T_OPEN_T, T_OPEN_B, T_KEY, T_CLOUD_L, T_CLOUD_R, T_HILL_UP, T_HILL, T_HILL_DOWN, T_BUSH, T_STAR
    .byte T_WINDOW, T_WALL, T_COLUMN, T_ARCH

mt_palette:
    .byte 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 2
    .byte 0, 0, 2, 2, 2, 2, 2, 2, 2
    .byte 2, 2, 2, 0, 0, 3, 3, 3, 3, 0
    .byte 0, 0, 0, 0

mt_class:
    .byte CLASS_EMPTY, CLASS_SOLID, CLASS_SOLID, CLASS_SOLID, CLASS_SOLID, CLASS_BONUS, CLASS_SOLID
    .byte CLASS_SOLID, CLASS_SOLID, CLASS_SOLID, CLASS_SOLID, CLASS_EMBER
    .byte CLASS_THORN, CLASS_THORN, CLASS_SHELF, CLASS_TORCH, CLASS_EMPTY, CLASS_BEACON, CLASS_BEACON
    .byte CLASS_DOOR, CLASS_DOOR, CLASS_EMPTY, CLASS_EMPTY, CLASS_KEY

; What a letter in a level's text stands for.
.macro level_letters
    .repeat 95, I                               ; ca65 translates character constants too: begin with plain ASCII
        .charmap I + 32, I + 32
    .endrepeat
    .charmap ' ', MT_EMPTY
    .charmap '.', MT_EMPTY
    .charmap '#', MT_FILL
    .charmap 'B', MT_BRICK
    .charmap 'H', MT_HARD
    .charmap '?', MT_BONUS
    .charmap '[', MT_POT_TL
    .charmap ']', MT_POT_TR
    .charmap '{', MT_POT_L
    .charmap '}', MT_POT_R
    .charmap 'o', MT_EMBER
    .charmap '^', MT_THORN_UP
    .charmap 'v', MT_THORN_DOWN
    .charmap '=', MT_SHELF
    .charmap 'T', MT_TORCH
    .charmap '|', MT_POLE
    .charmap 'F', MT_BEACON
    .charmap 'D', MT_DOOR_T
    .charmap 'E', MT_DOOR_B
    .charmap 'K', MT_KEY
    .charmap 'c', MT_CLOUD_L
    .charmap 'C', MT_CLOUD_R
    .charmap '/', MT_HILL_UP
    .charmap 'M', MT_HILL
    .charmap '\', MT_HILL_DOWN
    .charmap '*', MT_BUSH
    .charmap '+', MT_STAR
    .charmap 'W', MT_WINDOW
    .charmap 'w', MT_WALL
    .charmap 'I', MT_COLUMN
    .charmap 'A', MT_ARCH
    .charmap 'd', FIRST_SPAWN + 0               ; drip: walks, falls off ledges
    .charmap 's', FIRST_SPAWN + 1               ; slug: walks, turns at ledges
    .charmap 'm', FIRST_SPAWN + 2               ; moth: flies up and down
    .charmap 'h', FIRST_SPAWN + 3               ; hopper
    .charmap 't', FIRST_SPAWN + 4               ; thornball: cannot be jumped on
    .charmap '<', SPAWN_PLATFORM + 0            ; moving platform, left and right
    .charmap '!', SPAWN_PLATFORM + 1            ; moving platform, up and down
.endmacro

; The status bar's letters and numbers.
.macro bar_letters                              ; those that it has; after screen_letters
    .charmap $53, $E8                           ; S
    .charmap $43, $E9                           ; C
    .charmap $4F, $EA                           ; O
    .charmap $52, $EB                           ; R
    .charmap $45, $EC                           ; E
    .charmap $4C, $ED                           ; L
    .charmap $56, $EE                           ; V
    .charmap $54, $EF                           ; T
    .charmap $49, $FB                           ; I
    .charmap $4D, $FC                           ; M
    .charmap $50, $FD                           ; P
    .charmap $41, $FE                           ; A
    .charmap $59, $3B                           ; Y
    .charmap $4E, $3C                           ; N
    .charmap $31, $3D                           ; 1
    .charmap $32, $3E                           ; 2
.endmacro

; Letters back to ASCII - 32, the numbers of the font's tiles.
.macro screen_letters
    .repeat 95, I
        .charmap I + 32, I
    .endrepeat
.endmacro
