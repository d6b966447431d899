"""Stores that wrap a store: they count, bound or share its calls and change no answer."""
