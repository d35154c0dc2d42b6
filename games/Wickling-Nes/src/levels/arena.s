; The arena of the duel: one screen.

list_duel:
    .word arena

arena:
    .byte "H              H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "H    === ===   H                "
    .byte "H===         ==H                "
    .byte "H              H                "
    .byte "H              H                "
    .byte "################################"
    .byte "################################"
