"""The error of images."""


class ImageError(Exception):
    """`reason` is why the container waits: ErrImagePull, ImagePullBackOff, ErrImageNeverPull ..."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
