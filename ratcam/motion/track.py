"""The detector that follows changes: what stands out of the usual, near where something stood out before.

Fields become steps of a tenth of a second (`gather`); a step's change, summed over 3x3 blocks, is held against what
is usual there (`floor`); changes of the whole picture do not count (`guards`), and the more lively the picture is
elsewhere the less does a hit (`crowd`); what is left is evidence, added up along its path (`evidence`). Zones and
blocks that move for hours (`habits`) mask it. Everything before the masks looks at the whole picture.
"""

import numpy as np
import numpy.typing as npt

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion import crowd, evidence, flitting, floor
from ratcam.motion.boxes import Plane, box_mean, sum3x3
from ratcam.motion.calibration import QuietScore
from ratcam.motion.detector import Calibration, Guard, Habits, Observation, PixelBox
from ratcam.motion.field import block_px, unpack
from ratcam.motion.gather import Gatherer, Step
from ratcam.motion.guards import FLASH_LEVEL, Flash, FlashGuard, share_above
from ratcam.motion.habits import HabitMemory
from ratcam.motion.luma import TO_SAD
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import FULL_SCALE, box_of, decay_factor
from ratcam.motion.watching import Look, Watch
from ratcam.motion.zones import ZoneMasks, ZoneSettings

_STEP_S = 0.1
"""The step that evidence is counted in."""
_MOST_STEPS = 1.2
"""A step longer than this many counts as so many: three are asked for, however far apart they are."""
_LIT_REACH = 3
"""Blocks in each direction whose mean change is taken for the light's in an estimator's sad: an animal is smaller."""
_LEARN_S = 0.25
"""What is usual changes over seconds: it is learned so often."""
_HEAT_S = 0.25
"""The heat map fades so often while nothing is hit."""
_FLASH_FADE_S = 0.3
"""Evidence fades so quickly in a flash: it may have been the flash's own beginning."""

_Mask = npt.NDArray[np.bool_]


class TrackDetector:
    """The detector of `[motion] detector = track`; see the module's description.

    Time is that of the pictures; a picture before the last one, or one with another grid or size, begins anew. What is
    accumulated in a second does not depend on how many pictures it has.
    """

    def __init__(self, settings: MotionSettings, zones: tuple[ZoneSettings, ...] = ()) -> None:
        self._settings = settings
        self._zones = zones
        self._quiet = QuietScore(settings.false_alarms_per_week)
        self._kept: Habits | None = None
        self._run: _Run | None = None

    @property
    def accumulator(self) -> Plane:
        """See `Detector.accumulator`. Later pictures do not change an array once handed out."""
        return _NOTHING if self._run is None else self._run.accumulator

    @property
    def quiet(self) -> Calibration | None:
        """See `Detector.quiet`."""
        return self._quiet.calibration if self._settings.auto_calibrate else None

    @property
    def learned(self) -> _Mask:
        """See `Detector.learned`."""
        return np.zeros((0, 0), np.bool_) if self._run is None else self._run.memory.learned

    def feed(self, payload: bytes, *, columns: int, rows: int, width: int, height: int, pts_90k: int) -> Observation:
        """See `Detector.feed`.

        Raises:
            FieldError: the payload is not a field of this grid; nothing has changed.
        """
        field = unpack(payload, columns, rows)
        run = self._run
        if run is None or run.shape != (rows, columns, width, height) or pts_90k < run.last_90k:
            run = self._begin(rows, columns, width, height, pts_90k)
        step = run.gatherer.feed(field, width=width, pts_90k=pts_90k)
        if step is None:
            return run.unchanged(pts_90k)
        return run.take(step, pts_90k)

    def reset(self) -> None:
        """See `Detector.reset`."""
        self._kept = self.habits()
        self._run = None

    def forget_learned(self) -> None:
        """See `Detector.forget_learned`."""
        self._kept = None
        if self._run is not None:
            self._run.memory.forget()

    def habits(self) -> Habits | None:
        """See `Detector.habits`."""
        return self._kept if self._run is None else self._run.memory.saved()

    def restore(self, habits: Habits) -> None:
        """See `Detector.restore`. Before the first field they wait for it."""
        if self._run is None:
            self._kept = habits
        else:
            self._run.memory.restore(habits)

    def _begin(self, rows: int, columns: int, width: int, height: int, pts_90k: int) -> "_Run":
        kept = self.habits()
        masks = ZoneMasks(self._zones, columns, rows, width=width, height=height)
        run = self._run = _Run(self._settings, masks, self._quiet, (rows, columns, width, height), pts_90k)
        if kept is not None:
            run.memory.restore(kept)
        return run


class _Run:
    """One uninterrupted stream on one grid."""

    def __init__(
        self,
        settings: MotionSettings,
        masks: ZoneMasks,
        quiet: QuietScore,
        shape: tuple[int, int, int, int],
        first_90k: int,
    ) -> None:
        rows, columns, width, _ = shape
        self.shape = shape
        self.last_90k = self._first_90k = first_90k
        self._settings = settings
        self._quiet = quiet
        self._block = block_px(width, columns)
        self.gatherer = Gatherer()
        self.memory = HabitMemory(rows, columns, settings.fade_out_hours)
        self._watch = Watch(masks, settings)
        self._floor: floor.Floor | None = None
        self._floor_90k = first_90k
        self._guard = FlashGuard(
            share=settings.light_guard, hold_s=settings.light_guard_hold_s, longest_s=settings.light_guard_max_s
        )
        self._lively = 1.0
        self._rates = crowd.new_rates()
        self._scatter = 0.0
        self._path: Plane = np.zeros((rows, columns), np.float32)
        self.accumulator: Plane = _read_only(np.zeros((rows, columns), np.float32))
        self._has_path = False
        self._flits = flitting.Flits(settings.flit_s)
        self._age_s = 0.0
        self._unlearned_s = 0.0
        self._unfaded_s = 0.0
        self._is_cold = True
        self._area = 0
        self._box: PixelBox | None = None
        self._seen = Observation(pts_90k=first_90k, score=0.0, moving=False, area=0, box=None)

    def unchanged(self, pts_90k: int) -> Observation:
        """The picture adds nothing: what was seen last still holds."""
        self.last_90k = pts_90k
        seen = self._seen
        return Observation(
            pts_90k=pts_90k,
            score=seen.score,
            moving=seen.moving,
            area=seen.area,
            box=seen.box,
            guard=seen.guard,
            zone=seen.zone,
            stages=seen.stages,
        )

    def take(self, step: Step, pts_90k: int) -> Observation:
        """A step is due: what it shows."""
        self.last_90k = pts_90k
        self._age_s = (pts_90k - self._first_90k) / TICKS_PER_S
        change = self._change(step)
        if self._floor is None:
            self._floor, self._floor_90k = floor.first_floor(change), pts_90k
        excess, above = floor.above(self._floor, change)
        if step.moved is not None and self._settings.vector_weight:
            above += sum3x3(step.moved.astype(np.float32)) * np.float32(self._settings.vector_weight)
        is_quiet = float(above.max()) < self._watch.least
        share = 0.0 if is_quiet else share_above(above)
        self._flits.feed_share(share, _moved_of(step, above) if share else None, step.elapsed_s)
        flash = self._guard.feed(share, step.elapsed_s)
        if flash is Flash.STAYS:
            self._floor, self._floor_90k = floor.first_floor(change), pts_90k
        elif flash is Flash.OFF:
            now = crowd.liveliness(above, self._settings.crowd_penalty, is_quiet=is_quiet)
            self._lively = crowd.calmed(self._lively, now, step.elapsed_s)
        # In a quiet picture it is a little too much, but less than any threshold.
        stands_out = above if is_quiet else above / np.float32(self._lively)
        self._learn(self._floor, excess, stands_out, step.elapsed_s, is_flash=flash is Flash.ON)
        if flash is Flash.ON:
            return self._in_flash(step, pts_90k, above)
        return self._follow(step, pts_90k, above, stands_out, is_quiet=is_quiet)

    def _change(self, step: Step) -> Plane:
        sad = step.sad.astype(np.float32)
        if step.moved is None:
            sad *= np.float32(1 / TO_SAD)
            return sum3x3(sad)
        # An estimator's: what the light does is still in it. It is a sum over 8x8 means of four pixels, with as much
        # noise as 4x4 single pixels have.
        sad -= box_mean(sad, _LIT_REACH)
        return sum3x3(np.maximum(sad, 0, out=sad))

    def _learn(self, known: floor.Floor, excess: Plane, stands_out: Plane, elapsed_s: float, *, is_flash: bool) -> None:
        """Let the floor follow, in every step at first and then every so often: it is slow, and learning is dear."""
        self._unlearned_s += elapsed_s
        age_s = (self.last_90k - self._floor_90k) / TICKS_PER_S
        if is_flash or (age_s >= 1 and self._unlearned_s < _LEARN_S):
            return
        floor.learn(
            known,
            excess,
            stands_out > self._settings.noise_z / 2,
            elapsed_s=self._unlearned_s,
            age_s=age_s,
            rise_s=self._settings.floor_rise_s,
            fall_s=self._settings.floor_fall_s,
        )
        self._unlearned_s = 0.0

    def _in_flash(self, step: Step, pts_90k: int, above: Plane) -> Observation:
        """Nothing counts, and what there was fades."""
        self._path *= np.float32(np.exp(-step.elapsed_s / _FLASH_FADE_S))
        seen = self._look(step, pts_90k, None, wait_s=self._flits.wait_s)
        guard = Guard.CAMERA if step.is_camera else Guard.LIGHT
        stages = (("floor", int(np.count_nonzero(above > FLASH_LEVEL))), ("crowd", 0), ("guard", 0))
        return self._show(seen, None, step, guard, stages)

    def _follow(self, step: Step, pts_90k: int, above: Plane, stands_out: Plane, *, is_quiet: bool) -> Observation:
        """The step's hits become evidence."""
        hits = None if is_quiet else stands_out > self._settings.noise_z
        crowd.follow_rates(self._rates, hits, step.elapsed_s)
        scattered = 0.0 if is_quiet or not self._settings.crowd_penalty else crowd.scatter(above, FLASH_LEVEL)
        self._scatter = crowd.averaged(self._scatter, scattered, step.elapsed_s)
        self.memory.add(hits, step.elapsed_s)
        worth = 1.0
        if hits is not None or self._has_path:
            worth = min(crowd.worth(self._rates), crowd.worth_of(self._scatter))
            steps = min(_MOST_STEPS, step.elapsed_s / _STEP_S)
            ceiling = evidence.HEADROOM * self._trigger() * self._settings.trigger_steps
            self._path = evidence.follow(self._path, stands_out, self._watch.thresholds, worth, steps, ceiling)
        self._watch.mask(self._path, self.memory.learned)
        wait_s = self._flits.feed(hits, self._path)
        seen = self._look(step, pts_90k, None if hits is None else stands_out, wait_s=wait_s)
        guard = Guard.SETTLING if self._age_s < self._settings.settle_s else seen.guard
        if guard is Guard.NONE and worth <= 0:
            guard = Guard.CROWD
        if seen.moving or wait_s:
            self._quiet.discard()
        elif guard is Guard.NONE:
            self._quiet.add(seen.raw_score, step.elapsed_s)
        counted = None if hits is None or guard is Guard.PRECLUDED else hits & (self._path > 0)
        stages = (
            ("floor", 0 if is_quiet else int(np.count_nonzero(above > FLASH_LEVEL))),
            ("crowd", 0 if hits is None else int(np.count_nonzero(hits))),
            ("guard", 0 if counted is None else int(np.count_nonzero(counted))),
        )
        return self._show(seen, counted, step, guard, stages)

    def _trigger(self) -> float:
        calibration = self._quiet.calibration if self._settings.auto_calibrate else None
        return 1.0 if calibration is None else calibration.trigger

    def _look(self, step: Step, pts_90k: int, stands_out: Plane | None, *, wait_s: float) -> Look:
        return self._watch.look(
            self._path,
            stands_out,
            elapsed_s=step.elapsed_s,
            pts_90k=pts_90k,
            is_settled=self._age_s >= self._settings.settle_s,
            wait_s=wait_s,
            trigger=self._trigger(),
        )

    def _show(
        self, seen: Look, counted: _Mask | None, step: Step, guard: Guard, stages: tuple[tuple[str, int], ...]
    ) -> Observation:
        """The observation of this step, with the blocks that move: those hit on the path, in this step or the last.

        The path itself spreads while nothing follows it.
        """
        self._has_path = seen.raw_score > 0
        self._accumulate(counted, step.elapsed_s)
        _, _, width, height = self.shape
        if self._has_path:
            on_path = self._path >= min(self._settings.release_steps, float(self._path.max()))
            shown = None if counted is None else counted & on_path
            if shown is not None and shown.any():
                self._area, self._box = int(np.count_nonzero(shown)), box_of(shown, width, height, self._block)
            elif self._box is None:
                self._area, self._box = int(np.count_nonzero(on_path)), box_of(on_path, width, height, self._block)
        elif not seen.moving:
            self._area, self._box = 0, None
        self._seen = Observation(
            pts_90k=self.last_90k,
            score=seen.score,
            moving=seen.moving,
            area=self._area,
            box=self._box,
            guard=guard,
            zone=seen.zone,
            stages=(*stages, ("path", self._area)),
        )
        return self._seen

    def _accumulate(self, counted: _Mask | None, elapsed_s: float) -> None:
        """The heat map's memory: a block that is hit all the time comes to its full scale."""
        self._unfaded_s += elapsed_s
        if counted is None and (self._is_cold or self._unfaded_s < _HEAT_S):
            return
        left = decay_factor(self._unfaded_s, self._settings.time_window_s)
        accumulator = self.accumulator * np.float32(left)
        if counted is not None:
            accumulator += counted * np.float32(
                FULL_SCALE * (1 - decay_factor(elapsed_s, self._settings.time_window_s))
            )
        elif float(accumulator.max()) < 1:
            accumulator[:] = 0
        self._is_cold = counted is None and not accumulator.any()
        self._unfaded_s = 0.0
        self.accumulator = _read_only(accumulator)


def _moved_of(step: Step, above: Plane) -> float | None:
    """Of the blocks that stand out the share that an estimator found displaced; None without one."""
    if step.moved is None:
        return None
    out = above > FLASH_LEVEL
    return float(np.count_nonzero(step.moved & out)) / max(1, np.count_nonzero(out))


def _read_only(plane: Plane) -> Plane:
    plane.flags.writeable = False
    return plane


_NOTHING = _read_only(np.zeros((0, 0), np.float32))
