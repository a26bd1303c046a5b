/*
 * language.h: languages as MP4's mdhd and MPEG-TS name them. Pure.
 */
#pragma once

/* The three letters (ISO 639-2/T, no NUL) for a BCP 47 tag, by its first subtag alone: "und" for what is not known. */
void language_three_letters(const char *tag, char out[3]);
