"""What our safety rests on, asked of the embedded cloud and of AWS's own engine alike."""
