"""The boot refresh: makes the database true again after a reboot, and keeps live containers."""
