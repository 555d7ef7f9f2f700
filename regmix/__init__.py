"""RegMix and RegMix-D as a library: arrays and frames in, values out."""
