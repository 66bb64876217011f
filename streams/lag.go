package streams

// Lag returns how many sequences a checkpoint is behind the stream's last one.
// It is an upper bound of the events to come, because erased messages count.
func Lag(last, checkpoint uint64) uint64 {
	if checkpoint >= last {
		return 0
	}
	return last - checkpoint
}
