import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.motion.field import (
    FieldError,
    block_px,
    decoder_block_px,
    field_size,
    grid_of,
    pack,
    pack_change,
    rasterise,
    unpack,
)

FFMPEG_VECTOR = np.dtype(
    [
        ("source", "<i4"),
        ("w", "u1"),
        ("h", "u1"),
        ("src_x", "<i2"),
        ("src_y", "<i2"),
        ("dst_x", "<i2"),
        ("dst_y", "<i2"),
        ("flags", "<u8"),
        ("motion_x", "<i4"),
        ("motion_y", "<i4"),
        ("motion_scale", "<u2"),
    ]
)


def vector(
    *, centre: tuple[int, int], size: tuple[int, int], motion: tuple[int, int], scale: int = 4, source: int = -1
) -> tuple[int, ...]:
    x, y = centre
    return (source, *size, x, y, x, y, 0, *motion, scale)


def exported(*vectors: tuple[int, ...]) -> npt.NDArray[np.void]:
    return np.array(list(vectors), FFMPEG_VECTOR)


@pytest.mark.parametrize(
    ("size", "grid"),
    [((640, 480), (40, 30)), ((1280, 720), (80, 45)), ((1920, 1080), (120, 68)), ((1, 1), (1, 1)), ((17, 16), (2, 1))],
)
def test_a_block_cut_by_the_edge_counts(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert grid_of(*size) == grid


@pytest.mark.parametrize("size", [(0, 480), (640, 0), (-1, 16)])
def test_a_picture_without_pixels_has_no_grid(size: tuple[int, int]) -> None:
    with pytest.raises(FieldError, match="no blocks"):
        grid_of(*size)


def test_a_field_of_vga_has_the_size_picamera_writes() -> None:
    assert field_size(40, 30) == 41 * 30 * 4


def test_an_empty_grid_has_no_field() -> None:
    with pytest.raises(FieldError, match="empty"):
        field_size(0, 30)


def test_the_bytes_of_a_block_are_x_y_and_sad_in_little_endian() -> None:
    field = unpack(bytes([0xFE, 0x03, 0x34, 0x12]) + bytes([0x7F, 0x7F, 0xFF, 0xFF]), 1, 1)
    assert (int(field.x[0, 0]), int(field.y[0, 0]), int(field.sad[0, 0])) == (-2, 3, 0x1234)


def test_the_padding_column_is_cut() -> None:
    field = unpack(bytes(range(3 * 2 * 4)), 2, 2)
    assert field.x.tolist() == [[0, 4], [12, 16]]
    assert field.y.tolist() == [[1, 5], [13, 17]]
    assert field.sad.shape == (2, 2)


def test_unpacked_planes_cannot_be_written() -> None:
    field = unpack(bytes(field_size(2, 2)), 2, 2)
    with pytest.raises(ValueError, match="read-only"):
        field.x[0, 0] = 1


def test_the_refusal_of_a_wrong_length_names_both_lengths() -> None:
    with pytest.raises(FieldError, match=r"40x30 blocks has 4920 bytes.*this one has 4800"):
        unpack(bytes(4800), 40, 30)


@given(payload=st.binary(max_size=400), columns=st.integers(-1, 12), rows=st.integers(-1, 12))
def test_any_payload_is_a_field_or_refused(payload: bytes, columns: int, rows: int) -> None:
    if columns > 0 and rows > 0 and len(payload) == (columns + 1) * rows * 4:
        assert unpack(payload, columns, rows).sad.shape == (rows, columns)
    else:
        with pytest.raises(FieldError):
            unpack(payload, columns, rows)


@given(columns=st.integers(1, 6), rows=st.integers(1, 6), data=st.data())
def test_packing_what_was_unpacked_gives_the_same_blocks(columns: int, rows: int, data: st.DataObject) -> None:
    size = field_size(columns, rows)
    field = unpack(data.draw(st.binary(min_size=size, max_size=size)), columns, rows)
    again = unpack(pack(field.x, field.y, field.sad), columns, rows)
    assert np.array_equal(again.x, field.x)
    assert np.array_equal(again.y, field.y)
    assert np.array_equal(again.sad, field.sad)


def test_packing_rounds_to_the_nearest_pixel_and_clips() -> None:
    x = np.array([[1.4, 1.6, -200.0, 300.0, np.nan, np.inf]])
    y = np.array([[-1.6, 0.5, 127.4, -128.4, -np.inf, 0.0]])
    sad = np.array([[-5.0, 70000.0, 12.6, 0.0, np.nan, 65535.0]])
    field = unpack(pack(x, y, sad), 6, 1)
    assert field.x.tolist() == [[1, 2, -128, 127, 0, 127]]
    assert field.y.tolist() == [[-2, 0, 127, -128, -128, 0]]
    assert field.sad.tolist() == [[0, 65535, 13, 0, 0, 65535]]


def test_packing_takes_integers_of_any_width() -> None:
    field = unpack(pack(np.array([[1000]]), np.array([[-1000]]), np.array([[1 << 40]])), 1, 1)
    assert (int(field.x[0, 0]), int(field.y[0, 0]), int(field.sad[0, 0])) == (127, -128, 65535)


@pytest.mark.parametrize(
    "shapes", [((2, 2), (2, 3), (2, 2)), ((2, 2), (2, 2), (4,)), ((0, 2), (0, 2), (0, 2)), ((2,),) * 3]
)
def test_planes_of_different_shapes_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    x, y, sad = (np.zeros(shape) for shape in shapes)
    with pytest.raises(FieldError, match="one shape"):
        pack(x, y, sad)


# --- rasterise ------------------------------------------------------------------------------------------------------


def test_a_macroblocks_vector_lands_in_its_block_in_whole_pixels() -> None:
    x, y = rasterise(exported(vector(centre=(24, 8), size=(16, 16), motion=(-12, 6))), 3, 2)
    assert x.tolist() == [[0, -3, 0], [0, 0, 0]]
    assert y.tolist() == [[0, 1.5, 0], [0, 0, 0]]
    assert x.dtype == np.float32


def test_partitions_are_averaged_by_their_area() -> None:
    vectors = exported(
        vector(centre=(8, 4), size=(16, 8), motion=(16, 0)),
        vector(centre=(4, 12), size=(8, 8), motion=(-32, 4)),
        vector(centre=(12, 12), size=(8, 8), motion=(0, 0)),
    )
    x, y = rasterise(vectors, 1, 1)
    assert float(x[0, 0]) == pytest.approx((4 * 128 - 8 * 64) / 256)
    assert float(y[0, 0]) == pytest.approx(64 / 256)


def test_a_block_half_intra_has_the_vector_of_its_other_half() -> None:
    x, _ = rasterise(exported(vector(centre=(8, 4), size=(16, 8), motion=(20, 0))), 1, 1)
    assert float(x[0, 0]) == 5


def test_a_vector_to_a_later_picture_is_turned_round() -> None:
    x, _ = rasterise(exported(vector(centre=(8, 8), size=(16, 16), motion=(8, 0), source=1)), 1, 1)
    assert float(x[0, 0]) == -2


def test_a_partition_over_several_blocks_is_shared_by_them() -> None:
    x, _ = rasterise(exported(vector(centre=(24, 16), size=(32, 32), motion=(4, 0))), 3, 2)
    assert x.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_large_partition_counts_in_each_block_by_what_it_covers() -> None:
    vectors = exported(
        vector(centre=(16, 8), size=(24, 16), motion=(8, 0)),  # x from 4 to 28
        vector(centre=(2, 8), size=(4, 16), motion=(0, 0)),  # x from 0 to 4
    )
    x, _ = rasterise(vectors, 2, 1)
    assert x.tolist() == [[pytest.approx(2 * 12 / 16), 2]]


def test_what_lies_outside_the_grid_or_has_no_size_or_scale_is_ignored() -> None:
    vectors = exported(
        vector(centre=(-40, 8), size=(16, 16), motion=(400, 0)),
        vector(centre=(8, 200), size=(16, 16), motion=(400, 0)),
        vector(centre=(8, 8), size=(0, 16), motion=(400, 0)),
        vector(centre=(8, 8), size=(16, 16), motion=(400, 0), scale=0),
    )
    x, y = rasterise(vectors, 2, 2)
    assert not x.any()
    assert not y.any()


def test_no_vectors_at_all_are_a_still_field() -> None:
    x, y = rasterise(exported(), 4, 3)
    assert x.shape == y.shape == (3, 4)
    assert not x.any()


def test_an_array_that_is_no_vector_export_is_refused() -> None:
    with pytest.raises(FieldError, match="lack dst_x"):
        rasterise(np.zeros(3, [("source", "i4"), ("w", "u1"), ("h", "u1")]), 4, 3)


@given(raw=st.binary(max_size=FFMPEG_VECTOR.itemsize * 12))
def test_any_exported_bytes_give_finite_vectors(raw: bytes) -> None:
    whole = len(raw) // FFMPEG_VECTOR.itemsize * FFMPEG_VECTOR.itemsize
    x, y = rasterise(np.frombuffer(raw[:whole], FFMPEG_VECTOR), 5, 4)
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()


def test_partitions_over_smaller_blocks_are_shared_by_them() -> None:
    x, _ = rasterise(exported(vector(centre=(8, 8), size=(16, 16), motion=(4, 0))), 3, 2, 8)
    assert x.tolist() == [[1, 1, 0], [1, 1, 0]]


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "block"), [(1, 8), (640, 8), (959, 8), (960, 16), (1919, 16), (1920, 32), (3840, 32)]
)
def test_a_decoders_blocks_grow_with_the_picture(width: int, block: int) -> None:
    assert decoder_block_px(width) == block
    if width >= 64:
        assert block_px(width, grid_of(width, 100, block)[0]) == block


def test_where_grid_and_picture_do_not_belong_together_blocks_are_those_of_mmal() -> None:
    assert block_px(640, 17) == 16
    assert block_px(640, 40) == 16


# --- what is told without looking twice -------------------------------------------------------------------------------


@given(columns=st.integers(1, 7), rows=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_a_field_of_changes_alone_is_one_without_vectors(columns: int, rows: int, seed: int) -> None:
    sad = np.random.default_rng(seed).integers(0, 65536, (rows, columns)).astype(np.uint16)
    still = np.zeros((rows, columns), np.int8)
    assert pack_change(sad) == pack(still, still, sad)


@given(payload=st.binary(min_size=24, max_size=24))
def test_a_field_that_may_not_have_something_has_not(payload: bytes) -> None:
    field = unpack(payload, 2, 2)
    assert field.may_have_vectors or not (field.x.any() or field.y.any())
    assert field.may_have_sad or not field.sad.any()


@pytest.mark.parametrize("value", [1, -1, -128])
def test_a_field_that_has_something_may_have_it(value: int) -> None:
    still, none = np.zeros((2, 3), np.int8), np.zeros((2, 3), np.uint16)
    moved, changed = still.copy(), none.copy()
    moved[1, 2], changed[0, 1] = value, abs(value)
    assert [unpack(pack(x, y, none), 3, 2).may_have_vectors for x, y in ((moved, still), (still, moved))] == [True] * 2
    only_changed = unpack(pack_change(changed), 3, 2)
    assert (only_changed.may_have_vectors, only_changed.may_have_sad) == (False, True)
    assert unpack(pack_change(none), 3, 2).bits == 0


def test_numbers_that_are_none_are_packed_as_0_and_what_has_no_end_as_the_greatest() -> None:
    x = np.array([[np.nan, np.inf, -np.inf]])
    field = unpack(pack(x, x, x), 3, 1)
    assert field.x.tolist() == field.y.tolist() == [[0, 127, -128]]
    assert field.sad.tolist() == [[0, 65535, 0]]
