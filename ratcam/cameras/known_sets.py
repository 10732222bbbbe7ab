"""The parameter sets of a stream that has them only once."""

import contextlib

from ratcam.media.access_unit import ParameterSets, is_idr, parameter_sets, with_parameter_sets
from ratcam.media.errors import StreamError
from ratcam.media.nal import SPS
from ratcam.media.set_ids import SetKey, needed_sets, set_key, sps_of_pps


class KnownSets:
    """Remembers a stream's parameter sets by their ids, so that every IDR picture can begin with those it needs."""

    def __init__(self) -> None:
        self._known: dict[SetKey, bytes] = {}

    def complete(self, data: bytes) -> bytes:
        """The access unit; if it is an IDR picture, with the sets at its beginning that its sequence can need.

        They are the SPS that it refers to and every PPS that refers to that. Others are not added: a player would
        show the sizes of an SPS that is used no more.
        """
        new = parameter_sets(data)
        for unit in (*new.sps, *new.pps):
            with contextlib.suppress(StreamError):  # a damaged one is of no use to later pictures
                key = set_key(unit)
                if key[0] != SPS:
                    sps_of_pps(unit)
                self._known[key] = unit
        if not is_idr(data):
            return data
        sps = tuple(unit for (kind, _), unit in self._known.items() if kind == SPS)
        pps = tuple(unit for (kind, _), unit in self._known.items() if kind != SPS)
        return with_parameter_sets(data, needed_sets(data, ParameterSets(sps=sps, pps=pps)))
