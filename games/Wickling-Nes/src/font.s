; Letters: 5 x 7 dots each, made bold and given a shadow. The tile number is the ASCII code - 32.

.macro glyph r0, r1, r2, r3, r4, r5, r6
    .repeat 2, P
        glyph_row P, 0, r0
        glyph_row P, r0, r1
        glyph_row P, r1, r2
        glyph_row P, r2, r3
        glyph_row P, r3, r4
        glyph_row P, r4, r5
        glyph_row P, r5, r6
        glyph_row P, r6, 0
    .endrepeat
    BG_NEXT .set BG_NEXT + 1
.endmacro

; Colour 1 is the letter, colour 3 its shadow, one dot to the right and below.
.macro glyph_row plane, above, row
    .local bold, shadow
    bold = (((row) << 2) | ((row) << 1)) & $FF
    shadow = ((((above) << 2) | ((above) << 1)) >> 1) & ~bold & $FF
    .if plane = 0
        .byte bold | shadow
    .else
        .byte shadow
    .endif
.endmacro

; A letter of the status bar: 5 x 6 dots.
.macro bar_letter r0, r1, r2, r3, r4, r5
    .repeat 2, P
        glyph_row P, 0, r0
        glyph_row P, r0, r1
        glyph_row P, r1, r2
        glyph_row P, r2, r3
        glyph_row P, r3, r4
        glyph_row P, r4, r5
        glyph_row P, r5, 0
        .byte 0
    .endrepeat
    BG_NEXT .set BG_NEXT + 1
.endmacro

; A number: above the bar's lower edge, with a line between that is empty.
.macro bar_number r0, r1, r2, r3, r4, r5
    .repeat 2, P
        glyph_row P, 0, r0
        glyph_row P, r0, r1
        glyph_row P, r1, r2
        glyph_row P, r2, r3
        glyph_row P, r3, r4
        glyph_row P, r4, r5
        .byte 0, (1 - P) * $FF
    .endrepeat
    BG_NEXT .set BG_NEXT + 1
.endmacro

.macro glyph_none
    .res 16, 0
    BG_NEXT .set BG_NEXT + 1
.endmacro

    glyph_none                                          ; space
    glyph $04,$04,$04,$04,$04,$00,$04                   ; !
    tile8 ".11.....", "1331....", "13.11111", "13.11.1.", ".11.3..3", "..33....", "........", "11111111"  ; " key
    tile8 "........", "........", "........", "........", "........", "........", "........", "11111111"  ; # bar's lower edge
    tile8 "........", ".11.11..", "1111111.", "1111111.", ".11111..", "..111...", "...1....", "........"  ; $ heart
    tile8 "...1....", "..11....", "..111...", ".1111...", ".11211..", ".12221..", "..122...", "...1...."  ; % flame
    tile8 "........", "........", "........", "........", "........", "....3...", "........", "11111111"  ; & its end: sprite 0 hits
    glyph $04,$04,$08,$00,$00,$00,$00                   ; '
    tile8 "33333333", "31111113", "31111113", "31111113", "31111113", "33333333", "........", "11111111"  ; ( health, full
    tile8 "33333333", "32222223", "32222223", "32222223", "32222223", "33333333", "........", "11111111"  ; ) health, empty
    tile8 "...11...", "..1221..", ".122221.", ".122221.", "..1221..", "...11...", "........", "11111111"  ; * ember
    tile8 "33333333", "31112223", "31112223", "31112223", "31112223", "33333333", "........", "11111111"  ; + health, half
    glyph $00,$00,$00,$00,$04,$04,$08                   ; ,
    glyph $00,$00,$00,$0E,$00,$00,$00                   ; -
    glyph $00,$00,$00,$00,$00,$0C,$0C                   ; .
    glyph $01,$02,$02,$04,$08,$08,$10                   ; /
    glyph $0E,$11,$13,$15,$19,$11,$0E                   ; 0
    glyph $04,$0C,$04,$04,$04,$04,$0E                   ; 1
    glyph $0E,$11,$01,$06,$08,$10,$1F                   ; 2
    glyph $1F,$02,$04,$06,$01,$11,$0E                   ; 3
    glyph $02,$06,$0A,$12,$1F,$02,$02                   ; 4
    glyph $1F,$10,$1E,$01,$01,$11,$0E                   ; 5
    glyph $06,$08,$10,$1E,$11,$11,$0E                   ; 6
    glyph $1F,$01,$02,$04,$04,$08,$08                   ; 7
    glyph $0E,$11,$11,$0E,$11,$11,$0E                   ; 8
    glyph $0E,$11,$11,$0F,$01,$02,$0C                   ; 9
    glyph $00,$0C,$0C,$00,$0C,$0C,$00                   ; :
    glyph_none                                          ; ;
    tile8 "......1.", "....111.", "..11111.", "1111111.", "..11111.", "....111.", "......1.", "........"  ; <
    tile8 "33333333", "32222221", "32111121", "32111121", "32111121", "32111121", "32222221", "31111111"  ; = logo block
    tile8 "1.......", "111.....", "11111...", "1111111.", "11111...", "111.....", "1.......", "........"  ; >
    glyph $0E,$11,$01,$02,$04,$00,$04                   ; ?
    tile8 "....1...", "...11...", "........", "..11113.", "..13113.", "..11113.", "........", "11111111"  ; @ candle
    glyph $0E,$11,$11,$1F,$11,$11,$11                   ; A
    glyph $1E,$11,$11,$1E,$11,$11,$1E                   ; B
    glyph $0E,$11,$10,$10,$10,$11,$0E                   ; C
    glyph $1C,$12,$11,$11,$11,$12,$1C                   ; D
    glyph $1F,$10,$10,$1E,$10,$10,$1F                   ; E
    glyph $1F,$10,$10,$1E,$10,$10,$10                   ; F
    glyph $0E,$11,$10,$17,$11,$11,$0F                   ; G
    glyph $11,$11,$11,$1F,$11,$11,$11                   ; H
    glyph $0E,$04,$04,$04,$04,$04,$0E                   ; I
    glyph $07,$02,$02,$02,$02,$12,$0C                   ; J
    glyph $11,$12,$14,$18,$14,$12,$11                   ; K
    glyph $10,$10,$10,$10,$10,$10,$1F                   ; L
    glyph $11,$1B,$15,$15,$11,$11,$11                   ; M
    glyph $11,$11,$19,$15,$13,$11,$11                   ; N
    glyph $0E,$11,$11,$11,$11,$11,$0E                   ; O
    glyph $1E,$11,$11,$1E,$10,$10,$10                   ; P
    glyph $0E,$11,$11,$11,$15,$12,$0D                   ; Q
    glyph $1E,$11,$11,$1E,$14,$12,$11                   ; R
    glyph $0F,$10,$10,$0E,$01,$01,$1E                   ; S
    glyph $1F,$04,$04,$04,$04,$04,$04                   ; T
    glyph $11,$11,$11,$11,$11,$11,$0E                   ; U
    glyph $11,$11,$11,$11,$11,$0A,$04                   ; V
    glyph $11,$11,$11,$15,$15,$15,$0A                   ; W
    glyph $11,$11,$0A,$04,$0A,$11,$11                   ; X
    glyph $11,$11,$0A,$04,$04,$04,$04                   ; Y
    glyph $1F,$01,$02,$04,$08,$10,$1F                   ; Z
    bar_letter $11,$11,$0A,$04,$04,$04                  ; [ Y of the status bar
    bar_letter $11,$19,$15,$13,$11,$11                  ; \ N
    bar_letter $04,$0C,$04,$04,$04,$0E                  ; ] 1
    bar_letter $0E,$11,$02,$04,$08,$1F                  ; ^ 2
    glyph_none                                          ; _
