"""The two exceptions that are no bugs."""


class UserError(Exception):
    """A mistake in a config, an argument or the data, told in one line.

    The message names the key, file, row or view and says what would be right. The entry point prints it
    without a traceback and ends with exit code 2; any other exception is a bug and keeps its traceback.
    """


class Interrupted(BaseException):
    """The run was asked to stop and did, with everything saved; the message says how to go on.

    Like KeyboardInterrupt it is no Exception, so that no handler of errors takes it for one.
    """
