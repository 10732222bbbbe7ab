"""What names a camera, a run, a chat, an event, a clip, a delivery."""

from typing import NewType

CameraId = NewType("CameraId", str)
RunId = NewType("RunId", int)
ChatId = NewType("ChatId", int)
EventId = NewType("EventId", str)
ClipId = NewType("ClipId", str)
DeliveryId = NewType("DeliveryId", str)
