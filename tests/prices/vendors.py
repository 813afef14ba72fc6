"""The same bars as vendors write them, in made-up numbers; by what is peculiar about each."""

DAYS = ("2024-01-11", "2024-01-12", "2024-01-15", "2024-01-16", "2024-01-17")
_EPOCHS = {
    day: 1704931200 + 86_400 * number for day, number in zip(DAYS, (0, 1, 4, 5, 6), strict=True)
}


def _daily(header: str, row: str, footer: str = "", newest_first: bool = False) -> str:
    """A file with these rows: {y}, {m}, {d}, {yy} and {epoch} stand for parts of the date."""
    rows = []
    for day in DAYS[::-1] if newest_first else DAYS:
        y, m, d = day.split("-")
        rows.append(row.format(y=y, m=m, d=d, yy=y[2:], epoch=_EPOCHS[day]))
    return "\n".join([*([header] if header else []), *rows, *([footer] if footer else [])]) + "\n"


def _intraday(header: str, row: str) -> str:
    """Three bars from 09:30 in New York on 14 March 2024: {h} is the hour there, {utc} in UTC, {epoch} since 1970."""
    hours = (9, 10, 11)
    rows = [
        row.format(h=hour, hh=f"{hour:02}", utc=hour + 4, epoch=1710423000 + 3600 * (hour - 9))
        for hour in hours
    ]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


DAILY = {
    "Nasdaq.com": _daily(
        "Date,Close/Last,Volume,Open,High,Low",
        "{m}/{d}/{y},$10.75,5000,$10.50,$11.25,$9.75",
        newest_first=True,
    ),
    "MetaTrader 5": _daily(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        "{y}.{m}.{d}\t10.50\t11.25\t9.75\t10.75\t5000\t0\t3",
    ),
    "MetaTrader 4": _daily("", "{y}.{m}.{d},00:00,10.50,11.25,9.75,10.75,5000"),
    "Binance, milliseconds": _daily(
        "", "{epoch}000,10.50,11.25,9.75,10.75,5000,{epoch}999,5,1,2,3,0"
    ),
    "Binance, microseconds": _daily(
        "", "{epoch}000000,10.50,11.25,9.75,10.75,5000,{epoch}999999,5,1,2,3,0"
    ),
    "Binance, header": _daily(
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore",
        "{epoch}000,10.50,11.25,9.75,10.75,5000,{epoch}999,5,1,2,3,0",
    ),
    "CryptoDataDownload": _daily(
        "https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount",
        "{epoch}000,{y}-{m}-{d} 00:00:00,BTC/USDT,10.50,11.25,9.75,10.75,5000,53750,12",
        newest_first=True,
    ),
    "CryptoDataDownload, older": _daily(
        "https://www.CryptoDataDownload.com\nDate,Symbol,Open,High,Low,Close,Volume BTC,Volume USD",
        "{y}-{m}-{d},BTCUSD,10.50,11.25,9.75,10.75,5000,53750",
        newest_first=True,
    ),
    "Dukascopy": _daily(
        "Gmt time,Open,High,Low,Close,Volume",
        "{d}.{m}.{y} 00:00:00.000,10.50,11.25,9.75,10.75,5000",
    ),
    "HistData": _daily("", "{y}{m}{d} 000000;10.50;11.25;9.75;10.75;5000"),
    "Kibot": _daily("", "{m}/{d}/{y},10.50,11.25,9.75,10.75,5000"),
    "Kraken": _daily("", "{epoch},10.50,11.25,9.75,10.75,5000,17"),
    "FirstRate": _daily("", "{y}-{m}-{d},10.50,11.25,9.75,10.75,5000"),
    "Barchart": _daily(
        'Symbol,Time,Open,High,Low,Last,Change,%Chg,Volume,"Open Int"',
        "AAA,{m}/{d}/{y},10.50,11.25,9.75,10.75,0.25,2.3%,5000,0",
        '"Downloaded from Barchart.com as of 01-19-2024 05:16pm CST"',
        newest_first=True,
    ),
    "Barchart, one symbol": _daily(
        "Time,Open,High,Low,Latest,Change,%Change,Volume",
        "{m}/{d}/{y},10.50,11.25,9.75,10.75,0.25,2.3%,5000",
        "Downloaded from Barchart.com as of 01-19-2024 05:16pm CST",
    ),
    "EODHD": _daily(
        "Date,Open,High,Low,Close,Adjusted_close,Volume",
        "{y}-{m}-{d},10.50,11.25,9.75,10.75,8.6,5000",
        "5",
    ),
    "Investing.com": _daily(
        '"Date","Price","Open","High","Low","Vol.","Change %"',
        '"{m}/{d}/{y}","10.75","10.50","11.25","9.75","5.00K","0.1%"',
        newest_first=True,
    ),
    "Investing.com, German": _daily(
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
        '"{d}.{m}.{y}","10,75","10,50","11,25","9,75","5,00K","0,1%"',
        newest_first=True,
    ),
    "KRX": _daily(
        "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금",
        '{y}/{m}/{d},10.75,0,0.0,10.50,11.25,9.75,"5,000",53750',
        newest_first=True,
    ),
    "Japanese": _daily(
        "日付,始値,高値,安値,終値,出来高,調整後終値",
        '{y}年{m}月{d}日,10.50,11.25,9.75,10.75,"5,000",8.6',
    ),
    "Japanese with a title": _daily(
        "9999 東証 (株)AAA\n日付,始値,高値,安値,終値,出来高,終値調整値",
        "{y}-{m}-{d},10.50,11.25,9.75,10.75,5000,8.6",
    ),
    "Ariva": _daily(
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen",
        "{y}-{m}-{d};10,50;11,25;9,75;10,75;5000;53.750,00",
        newest_first=True,
    ),
    "Onvista": _daily(
        "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "{d}.{m}.{y};10,50;11,25;9,75;10,75;5.000,00"
    ),
    "comdirect": _daily(
        '"AAA AG (WKN: 999999 Börse: Xetra)"\n\n"Datum";"Eröffnung";"Hoch";"Tief";"Schluss";"Volumen"',
        '"{d}.{m}.{y}";"10,50";"11,25";"9,75";"10,75";"5.000,00"',
    ),
    "Börse": _daily(
        "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz in Euro;Umsatz in Stück",
        "{d}.{m}.{yy};10,50;10,75;11,25;9,75;53.750,00;5.000,00",
    ),
    "a declared separator": _daily(
        "sep=;\nDate;Open;High;Low;Close;Volume", "{y}-{m}-{d};10.50;11.25;9.75;10.75;5000"
    ),
    "comments": _daily(
        "# made up\n# for a test\nDate,Open,High,Low,Close,Volume\n# one more",
        "{y}-{m}-{d},10.50,11.25,9.75,10.75,5000",
        "# end",
    ),
    "a header in a comment": _daily(
        "# Date,Open,High,Low,Close,Volume", "{y}-{m}-{d},10.50,11.25,9.75,10.75,5000"
    ),
    "MM/DD/YY": _daily(
        "Date,Open,High,Low,Close,Volume", "{m}/{d}/{yy},10.50,11.25,9.75,10.75,5000"
    ),
    "YYYY.MM.DD": _daily(
        "Date,Open,High,Low,Close,Volume", "{y}.{m}.{d},10.50,11.25,9.75,10.75,5000"
    ),
    "epochs of a data frame": _daily(
        "time,open,high,low,close,volume", "{epoch}.0,10.50,11.25,9.75,10.75,5000.0"
    ),
    "billionths of a second": _daily(
        "window_start,open,high,low,close,volume,ticker",
        "{epoch}000000000,10.50,11.25,9.75,10.75,5000,AAA",
    ),
    "seventeen digits": _daily(
        "Date,Open,High,Low,Close,Volume", "{y}{m}{d}000000000,10.50,11.25,9.75,10.75,5000"
    ),
    "numbered names": _daily(
        "timestamp,1. open,2. high,3. low,4. close,5. volume",
        "{y}-{m}-{d},10.50,11.25,9.75,10.75,5000",
    ),
    "rows alone, no volume": _daily("", "{y}-{m}-{d},10.50,11.25,9.75,10.75"),
}

_NEW_YORK = "America/New_York"
_PRICES = "10.50,11.25,9.75,10.75,5000"
INTRADAY = {
    "MM/DD/YYYY and HH:MM": (
        _intraday("Date,Time,Open,High,Low,Close,Volume", f"03/14/2024,{{hh}}:30,{_PRICES}"),
        _NEW_YORK,
    ),
    "digits without a zero in front": (
        _intraday("Date,Time,Open,High,Low,Close,Volume", f"20240314,{{h}}30,{_PRICES}"),
        _NEW_YORK,
    ),
    "Kibot": (_intraday("", f"03/14/2024,{{hh}}:30,{_PRICES}"), _NEW_YORK),
    "MetaTrader 4": (_intraday("", f"2024.03.14,{{hh}}:30,{_PRICES}"), _NEW_YORK),
    "MetaTrader 5": (
        _intraday(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
            "2024.03.14\t{hh}:30:00\t10.50\t11.25\t9.75\t10.75\t5000\t0\t3",
        ),
        _NEW_YORK,
    ),
    "HistData": (_intraday("", "20240314 {hh}3000;10.50;11.25;9.75;10.75;0"), _NEW_YORK),
    "FirstRate": (_intraday("", f"2024-03-14 {{hh}}:30:00,{_PRICES}"), _NEW_YORK),
    "Kraken": (_intraday("", f"{{epoch}},{_PRICES},12"), None),
    "Binance": (_intraday("", f"{{epoch}}000,{_PRICES},{{epoch}}999,5,1,2,3,0"), None),
    "EODHD": (
        _intraday(
            "Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume",
            f"{{epoch}},0,2024-03-14 {{utc}}:30:00,{_PRICES}",
        ),
        None,
    ),
    "Dukascopy": (
        _intraday(
            "Gmt time,Open,High,Low,Close,Volume", f"14.03.2024 {{utc}}:30:00.000,{_PRICES}"
        ),
        None,
    ),
    "Dukascopy, local": (
        _intraday(
            "Local time,Open,High,Low,Close,Volume",
            f"14.03.2024 {{utc}}:30:00.000 GMT+0000,{_PRICES}",
        ),
        None,
    ),
    "a header that says UTC": (
        _intraday("Time (UTC),Open,High,Low,Close,Volume", f"2024-03-14 {{utc}}:30:00,{_PRICES}"),
        None,
    ),
    "AM and PM": (
        _intraday("Date,Open,High,Low,Close,Volume", f"3/14/2024 {{h}}:30:00 AM,{_PRICES}"),
        _NEW_YORK,
    ),
    "seventeen digits": (
        _intraday("Date,Open,High,Low,Close,Volume", f"20240314{{hh}}3000000,{_PRICES}"),
        _NEW_YORK,
    ),
}
