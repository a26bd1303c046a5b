#include "common/mux/language.h"

#include <stddef.h>
#include <string.h>

/* ISO 639-1 and its ISO 639-2/T. */
static const char languages[][6] = {
    "arara", "azaze", "bebel", "bgbul", "bnben", "bsbos", "cacat", "csces", "cycym", "dadan", "dedeu", "elell", "eneng",
    "esspa", "etest", "eueus", "fafas", "fifin", "frfra", "gagle", "glglg", "guguj", "heheb", "hihin", "hrhrv", "huhun",
    "hyhye", "idind", "isisl", "itita", "jajpn", "kakat", "kkkaz", "kmkhm", "knkan", "kokor", "kykir", "lolao", "ltlit",
    "lvlav", "mkmkd", "mlmal", "mnmon", "mrmar", "msmsa", "mymya", "nbnob", "nenep", "nlnld", "nnnno", "nonor", "papan",
    "plpol", "pspus", "ptpor", "roron", "rurus", "sisin", "skslk", "slslv", "sqsqi", "srsrp", "svswe", "swswa", "tatam",
    "tetel", "tgtgk", "ththa", "tktuk", "trtur", "uguig", "ukukr", "ururd", "uzuzb", "vivie", "yiyid", "zhzho", "zuzul",
};

void language_three_letters(const char *tag, char out[3]) {
	size_t size = strcspn(tag, "-");
	char letters[3];
	memcpy(out, "und", 3);
	if (size != 2 && size != 3)
		return;
	for (size_t i = 0; i < size; i++) {
		letters[i] = (char)(tag[i] | 0x20);
		if (letters[i] < 'a' || letters[i] > 'z')
			return;
	}
	if (size == 3)
		memcpy(out, letters, 3);
	for (size_t i = 0; size == 2 && i < sizeof languages / sizeof *languages; i++)
		if (!memcmp(languages[i], letters, 2))
			memcpy(out, languages[i] + 2, 3);
}
