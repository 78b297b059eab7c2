"""What later releases added, one file a feature. A release contains the files of its features, and no others."""
