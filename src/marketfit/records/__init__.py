"""Frozen records that steps pass to each other.

A record is small and is stored as JSON; whatever is large (tables, matrices, models) is a `Blob` or a `Folder` of
blobs in the workspace, named by its SHA-256, so that the digest of a record stands for everything behind it.
"""
