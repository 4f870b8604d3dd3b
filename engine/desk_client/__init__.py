"""The desk's side of `siaga send`: a spool on disk and the upload to a Siaga elsewhere."""
