"""WebRTC: a caller's leg whose audio is Opus over SRTP, beside a data channel with any dialect."""
