; The status bar's letters and numbers: a line lower than the font, which leaves air between its two rows.

BAR_FIRST  = $E8
BAR_0      = $F0                ; a multiple of 16: a digit is put in with ora
BAR_DASH   = $FA
BAR_EMPTY  = $03                ; # of the font
BAR_CANDLE = $20                ; @
BAR_EMBER  = $0A                ; *
BAR_KEY    = $02                ; "
BAR_FULL   = $08                ; ( ) + health
BAR_NONE   = $09
BAR_HALF   = $0B

    .res (BAR_FIRST - BG_NEXT) * 16, 0
BG_NEXT .set BAR_FIRST
    bar_letter $0F,$10,$0E,$01,$11,$0E                  ; S
    bar_letter $0E,$11,$10,$10,$11,$0E                  ; C
    bar_letter $0E,$11,$11,$11,$11,$0E                  ; O
    bar_letter $1E,$11,$11,$1E,$12,$11                  ; R
    bar_letter $1F,$10,$1E,$10,$10,$1F                  ; E
    bar_letter $10,$10,$10,$10,$10,$1F                  ; L
    bar_letter $11,$11,$11,$11,$0A,$04                  ; V
    bar_letter $1F,$04,$04,$04,$04,$04                  ; T
    bar_number $0E,$11,$11,$11,$11,$0E                  ; 0
    bar_number $04,$0C,$04,$04,$04,$0E                  ; 1
    bar_number $0E,$11,$02,$04,$08,$1F                  ; 2
    bar_number $1F,$02,$06,$01,$11,$0E                  ; 3
    bar_number $02,$06,$0A,$12,$1F,$02                  ; 4
    bar_number $1F,$10,$1E,$01,$11,$0E                  ; 5
    bar_number $06,$08,$1E,$11,$11,$0E                  ; 6
    bar_number $1F,$01,$02,$04,$08,$08                  ; 7
    bar_number $0E,$11,$0E,$11,$11,$0E                  ; 8
    bar_number $0E,$11,$11,$0F,$02,$0C                  ; 9
    bar_number $00,$00,$0E,$00,$00,$00                  ; -
    bar_letter $0E,$04,$04,$04,$04,$0E                  ; I
    bar_letter $11,$1B,$15,$11,$11,$11                  ; M
    bar_letter $1E,$11,$11,$1E,$10,$10                  ; P
    bar_letter $0E,$11,$11,$1F,$11,$11                  ; A
