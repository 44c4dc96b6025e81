"""ID3v2.2 tags as ID3v2.3: frames have longer names and headers, and pictures name their type.

Bodies are the same in both versions but for pictures, so only heads are changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from genrewise.library.containers.base import Unsafe
from genrewise.library.patch import Splice

__all__ = ["NAMES", "upgrade"]

_PAIRS = (
    "BUF>RBUF CNT>PCNT COM>COMM CRA>AENC ETC>ETCO EQU>EQUA GEO>GEOB IPL>IPLS MCI>MCDI "
    "MLL>MLLT POP>POPM REV>RVRB RVA>RVAD SLT>SYLT STC>SYTC TAL>TALB TBP>TBPM TCM>TCOM "
    "TCO>TCON TCR>TCOP TDA>TDAT TDY>TDLY TEN>TENC TFT>TFLT TIM>TIME TKE>TKEY TLA>TLAN "
    "TLE>TLEN TMT>TMED TOA>TOPE TOF>TOFN TOL>TOLY TOR>TORY TOT>TOAL TP1>TPE1 TP2>TPE2 "
    "TP3>TPE3 TP4>TPE4 TPA>TPOS TPB>TPUB TRC>TSRC TRD>TRDA TRK>TRCK TSI>TSIZ TSS>TSSE "
    "TT1>TIT1 TT2>TIT2 TT3>TIT3 TXT>TEXT TXX>TXXX TYE>TYER UFI>UFID ULT>USLT WAF>WOAF "
    "WAR>WOAR WAS>WOAS WCM>WCOM WCP>WCOP WPB>WPUB WXX>WXXX PIC>APIC "
    "TCP>TCMP TS2>TSO2 TSA>TSOA TSC>TSOC TSP>TSOP TST>TSOT PCS>PCST TCT>TCAT TDS>TDES "
    "TID>TGID TKW>TKWD WFD>WFED GP1>GRP1 MVN>MVNM MVI>MVIN"
)

#: Frames of 2.2 by the name they have in 2.3; the last two rows above are iTunes's own.
NAMES = {pair[:3].encode(): pair[4:].encode() for pair in _PAIRS.split()}

#: Types of pictures as 2.2 has them.
MIME = {b"PNG": b"image/png", b"JPG": b"image/jpeg", b"-->": b"-->"}


def upgrade(data: bytes, frames: Iterable[tuple[bytes, int, int, int]]) -> list[Splice]:
    """What makes a 2.2 tag a 2.3 one, but for its size.

    Parameters
    ----------
    data : bytes
        The tag, not unsynchronised.
    frames : iterable of (bytes, int, int, int)
        Name, start, body and stop of those that stay.

    Raises
    ------
    Unsafe
        A frame has no place in 2.3.
    """
    splices = [Splice(3, 6, b"\3\0\0")]  # version and revision, no flags
    for name, start, body, stop in frames:
        if name not in NAMES:
            shown = name.decode("ascii", "backslashreplace")
            raise Unsafe(f"its ID3v2.2 tag has the frame {shown}, which ID3v2.3 lacks")
        grown = 0
        if name == b"PIC":
            kind = data[body + 1 : body + 4]
            mime = MIME.get(kind.upper(), b"image/" + kind.strip(b"\0 ").lower()) + b"\0"
            splices.append(Splice(body + 1, body + 4, mime))
            grown = len(mime) - 3
        head = NAMES[name] + struct.pack(">IH", stop - body + grown, 0)
        splices.append(Splice(start, body, head))
    return splices
