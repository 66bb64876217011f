package bot

// news is the latest answer to who records, for one who may be busy: whoever asks
// for the lease has to go on asking meanwhile, and an answer that another has
// followed is of no use any more.
type news chan standing

func newNews() news { return make(news, 1) }

// put replaces what was not taken yet. One goroutine puts.
func (n news) put(now standing) {
	for {
		select {
		case n <- now:
			return
		default:
		}
		select {
		case <-n:
		default: // it was taken just now
		}
	}
}
