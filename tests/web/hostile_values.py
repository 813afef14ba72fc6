"""Values that break programs which accept JSON, addresses and headers; some have broken this one."""

# as JSON, since Python could not write all of them
VALUES = (
    "null",
    "true",
    '""',
    '" "',
    '"\\ud800"',  # half of a surrogate pair, which no encoding has
    '"a\\udfffb"',
    '"\\ud83d\\ude00"',  # a whole one
    '"\\u0000"',
    '"\\u202e\\u200b\\ufeff"',
    '"%s"' % ("x" * 5_000),
    '"../../etc/passwd"',
    '"{{7*7}}"',
    '"1e999"',
    "-0",
    "0.1",
    "-1",
    "1e308",
    "1e400",
    "9" * 30,
    "9" * 400,
    "9" * 4_299,
    "9" * 5_000,  # more digits than Python reads
    "1.%s" % ("1" * 5_000),
    "[]",
    "{}",
    "[null]",
    '{"": null}',
    '{"\\ud800": 1}',
    '{"a": {"b": "\\udbff"}}',
    "[" * 60 + "]" * 60,
    "[" * 300 + "]" * 300,
    "[" * 5_000 + "]" * 5_000,
    '{"a":' * 300 + "1" + "}" * 300,
    "[" + "null, " * 5_000 + "null]",
)
KEYS = ("", " ", "\\ud800", "\\u0000", "__proto__", "x" * 5_000, "run_id")
BODIES = (
    b"",
    b"null",
    b"[",
    b"[" * 60_000,
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'"\xed\xa0\x80"',  # a surrogate in UTF-8, which forbids it
    b"{}\x00",
    b"\x1f\x8b\x08\x00",
    b"9" * 60_000,
    b'{"a":1,"a":2}',
    b"NaN",
    b"[{}]\n[{}]",
)
TEXTS = (
    "",
    " ",
    "\x00",
    "\ufffd",
    "\U0001f600",
    "\u0661\u0662",  # digits, but no ASCII
    "\u00b2",  # a digit to str.isdigit alone
    "..",
    "a/b",
    "x" * 5_000,
    "9" * 5_000,
    "-1",
    "1e999",
    "nan",
    "0x10",
    "1_000",
    "9" * 18,
    "9" * 19,
    "2024-02-30",
    "99999-01-01",
    "'; DROP TABLE runs; --",
    "%",
    "{}",
    "sharpe_ratio >= \u0661",
    "(" * 500,
    "a" * 60 + "\ud800",
)
