; What levels look like: palettes and the scenery behind them, 13 rows of 32, repeated along the level.

dark_palette:
    .byte $0F, $30, $10, $0F,  $0F, $17, $27, $37,  $0F, $07, $27, $38,  $0F, $0C, $1C, $2C
    .byte $0F, $07, $37, $27,  $0F, $0C, $2C, $30,  $0F, $06, $26, $37,  $0F, $08, $28, $38

; meadow at dusk
palette_meadow:
    .byte $22, $30, $32, $0F,  $22, $07, $17, $2A,  $22, $07, $27, $38,  $22, $0B, $1B, $2B
    .byte $22, $07, $37, $27,  $22, $0C, $21, $30,  $22, $06, $26, $37,  $22, $07, $27, $38
; cellars
palette_cellar:
    .byte $0F, $30, $01, $0F,  $0F, $0C, $1C, $3C,  $0F, $04, $15, $36,  $0F, $0B, $1A, $39
    .byte $0F, $17, $37, $27,  $0F, $11, $31, $30,  $0F, $16, $26, $37,  $0F, $1B, $2B, $3B
; roofs at night
palette_roofs:
    .byte $01, $30, $02, $0F,  $01, $06, $16, $27,  $01, $07, $27, $38,  $01, $04, $14, $34
    .byte $01, $07, $37, $27,  $01, $0F, $2C, $30,  $01, $0F, $25, $36,  $01, $07, $28, $38
; keep
palette_keep:
    .byte $0C, $30, $1C, $0F,  $0C, $00, $10, $3D,  $0C, $07, $28, $38,  $0C, $0B, $2B, $3B
    .byte $0C, $07, $37, $27,  $0C, $0F, $21, $30,  $0C, $06, $26, $37,  $0C, $00, $10, $30
; duel; the second candle is blue
palette_duel:
    .byte $0F, $30, $03, $0F,  $0F, $07, $17, $37,  $0F, $07, $27, $38,  $0F, $0C, $1C, $3C
    .byte $0F, $07, $37, $27,  $0F, $02, $3C, $21,  $0F, $06, $26, $37,  $0F, $0F, $27, $38

.define PALETTES palette_meadow, palette_cellar, palette_roofs, palette_keep, palette_duel
palettes_low:  .lobytes PALETTES
palettes_high: .hibytes PALETTES
.define BACKDROPS backdrop_meadow, backdrop_cellar, backdrop_roofs, backdrop_keep, backdrop_keep
backdrops_low:  .lobytes BACKDROPS
backdrops_high: .hibytes BACKDROPS

    level_letters

backdrop_meadow:
    .byte "................................"
    .byte ".....cC...............cC........"
    .byte "............cC................cC"
    .byte "...cC............cC............."
    .byte "..........................cC...."
    .byte "................................"
    .byte "................................"
    .byte "................................"
    .byte "................/\.............."
    .byte "..../\........./MM\............."
    .byte ".../MM\...*.../MMMM\....**...*.."
    .byte "................................"
    .byte "................................"

backdrop_cellar:
    .byte "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
    .byte "AwwwwwwwAwwwwwwwAwwwwwwwAwwwwwww"
    .byte "IAwwwwwAIAwwwwwAIAwwwwwAIAwwwwwA"
    .byte "I.A...A.I.A...A.I.A...A.I.A...A."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "I.......I.......I.......I......."
    .byte "................................"
    .byte "................................"

backdrop_roofs:
    .byte "..+.......+........+.........+.."
    .byte ".......+.......+........+......."
    .byte "...+........+.......+........+.."
    .byte ".........+........+......+......"
    .byte ".+....+........+...........+...."
    .byte "....+.......+.......+.....+....."
    .byte "..........+.....wWw............."
    .byte "..wWw...........www......wWWw..."
    .byte "..www....wWWw...wWw......wwww..."
    .byte "..wWw....wwww...www.wWw..wWWw..."
    .byte "..www....wWWw...wWw.www..wwww..."
    .byte "..wWw....wwww...www.wWw..wWWw..."
    .byte "..www....wWWw...wWw.www..wwww..."

backdrop_keep:
    .byte "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
    .byte "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
    .byte "AwwwAwwwAwwwAwwwAwwwAwwwAwwwAwww"
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I.W.I...I.W.I...I.W.I...I.W.I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "I...I...I...I...I...I...I...I..."
    .byte "................................"
    .byte "................................"
    screen_letters
