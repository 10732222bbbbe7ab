"""Access units and motion fields that need no camera."""

from ratcam.messages import AccessUnit, CameraId, MotionField, RunId

CAMERA = CameraId("kitchen")
RUN = RunId(3)
KEY_START, OTHER_START = b"\0\0\0\1\x65\x88", b"\0\0\0\1\x41\x9a"


def unit_of(number: int, size: int = 100, *, gop: int = 10) -> AccessUnit:
    is_key = number % gop == 0
    data = (KEY_START if is_key else OTHER_START) + b"\xff" * (size - 6)
    return AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=9000 * number, is_key=is_key, data=data)


def field_of(number: int, size: int = 8) -> MotionField:
    return MotionField(camera=CAMERA, run_id=RUN, pts_90k=9000 * number, columns=1, rows=1, payload=bytes(size))
