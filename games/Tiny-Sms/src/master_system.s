GAME_GEAR = 0
COLUMN    = 4                   ; of the picture's first tile
ROW       = 2

        .include "tiny.s"

palette:                        ; --BBGGRR: around, a 0, a 1; the border takes colour 16
        .db 0x10, 0x14, 0x0B, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .db 0x10
palette_end:

        .org 0x7FF0
        .ascii "TMR SEGA"
        .db 0, 0, 0, 0, 0, 0, 0
        .db 0x4C                ; Master System, 32 KiB
