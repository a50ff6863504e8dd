"""Pictures in and out: decoding what strangers send, sizes, recipes in PNGs, films. Knows PIL and PyAV;
no torch, no engine, no UI.
"""
