-- Pseudo-chance that is the same each time: everything is a hash of what it is about and of what is asked.

-- A number from 0 to 1.
CREATE OR REPLACE FUNCTION chance AS (about, what) -> cityHash64(about, what) / 18446744073709551616.;

-- A whole number below n, all alike.
CREATE OR REPLACE FUNCTION any_below AS (n, about, what) -> cityHash64(about, what) % n;

-- A whole number below n, as Zipf found words and names: each rank as often as it is low.
CREATE OR REPLACE FUNCTION zipf_below AS (n, about, what) -> toUInt64(floor(pow(n + 1, chance(about, what)))) - 1;

-- A member of a list, all alike, or the first ones most often.
CREATE OR REPLACE FUNCTION any_of AS (list, about, what) -> list[1 + any_below(length(list), about, what)];
CREATE OR REPLACE FUNCTION zipf_of AS (list, about, what) -> list[1 + zipf_below(length(list), about, what)];

-- A name that sounds like one; each number has its own, up to 40,000 of them.
CREATE OR REPLACE FUNCTION name_of AS (number) -> initcap(concat(
    ['bar', 'wil', 'har', 'mac', 'ro', 'thom', 'al', 'ken', 'stan', 'ed', 'os', 'brad', 'fair', 'hol', 'win', 'lang', 'mor', 'pres',
     'ash', 'whit', 'gar', 'sut', 'hen', 'nor', 'cla', 'ver', 'du', 'mel', 'zan', 'kow', 'per', 'lin', 'sal', 'ty', 'ban', 'ul',
     'quin', 'jar', 'fen', 'yor'][1 + number % 40],
    ['', 'a', 'er', 'ing', 'o', 'en', 'ley', 'i', 'el', 'ar', 'ber', 'der', 'min', 'ka', 'son', 'u', 'ev', 'ther', 'mo', 'ri',
     'sha', 'go', 'be', 'lu', 'xi'][1 + intDiv(number, 40) % 25],
    ['son', 'ton', 'man', 'field', 'ford', 'wood', 'ley', 'well', 'berg', 'ski', 'ham', 'ville', 'ez', 'by', 'land', 'worth', 'wick',
     'stein', 'ard', 'shaw', 'den', 'moor', 'cote', 'kin', 'dal', 'mere', 'ett', 'low', 'gate', 'combe', 'thwaite', 'qvist', 'hurst',
     'bury', 'dottir', 'escu', 'ov', 'mann', 'yama', 'zky'][1 + intDiv(number, 1000) % 40]));

-- 32 hexadecimal digits.
CREATE OR REPLACE FUNCTION digits_of AS (about, what) -> lower(hex(sipHash128(toString(about), what)));
