GAME_GEAR = 1
COLUMN    = 10                  ; of the picture's first tile; the screen begins six to the right and three down
ROW       = 5

        .include "../../Tiny-Sms/src/tiny.s"

palette:                        ; GGGGRRRR ----BBBB: around, a 0, a 1; the border takes colour 16
        .db 0x00, 0x04, 0x60, 0x06, 0x6E, 0x00
        .db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .db 0x00, 0x04
palette_end:

        .org 0x7FF0
        .ascii "TMR SEGA"
        .db 0, 0, 0, 0, 0, 0, 0
        .db 0x7C                ; Game Gear, 32 KiB
