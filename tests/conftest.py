"""What all tests share: hypothesis without deadlines, since a kernel's first call compiles it."""

from hypothesis import settings

settings.register_profile("tollstream", deadline=None, print_blob=True)
settings.load_profile("tollstream")
