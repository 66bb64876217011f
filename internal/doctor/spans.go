package doctor

import "sort"

// Span is a run of sequences, both ends included.
type Span [2]uint64

func (s Span) size() uint64 { return s[1] - s[0] + 1 }

// spans is a set of sequences as sorted runs that do not touch.
type spans []Span

// maxSpans bounds a set. Who numbers with so many gaps does not number at all,
// and must not fill the memory.
const maxSpans = 1 << 16

// add puts a sequence into the set, and reports whether it was not there. A set
// that is full takes only what needs no further run; fits says so.
func (s *spans) add(seq uint64) (fresh, fits bool) {
	list := *s
	n := len(list)
	if n > 0 && list[n-1][1]+1 == seq { // nearly always
		list[n-1][1] = seq
		return true, true
	}
	i := sort.Search(n, func(i int) bool { return list[i][1]+1 >= seq })
	switch {
	case i < n && list[i][0] <= seq && seq <= list[i][1]:
		return false, true
	case i < n && list[i][1]+1 == seq:
		list[i][1] = seq
		if i+1 < n && list[i+1][0] == seq+1 {
			list[i][1] = list[i+1][1]
			*s = append(list[:i+1], list[i+2:]...)
		}
	case i < n && list[i][0] == seq+1:
		list[i][0] = seq
	case n >= maxSpans:
		return true, false
	default:
		list = append(list, Span{})
		copy(list[i+1:], list[i:])
		list[i] = Span{seq, seq}
		*s = list
	}
	return true, true
}

// first and last are 0 for the empty set.
func (s spans) first() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[0][0]
}

func (s spans) last() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1][1]
}

// size is how many sequences the set holds.
func (s spans) size() uint64 {
	var n uint64
	for _, r := range s {
		n += r.size()
	}
	return n
}

// upTo is the set of all sequences from 1.
func upTo(last uint64) spans {
	if last == 0 {
		return nil
	}
	return spans{{1, last}}
}

// gaps are the sequences from 1 to the last one that are not in the set.
func (s spans) gaps() spans { return upTo(s.last()).minus(s) }

// minus returns what is in s and not in o.
func (s spans) minus(o spans) spans {
	var rest spans
	k := 0
	for _, r := range s {
		at := r[0]
		for k < len(o) && o[k][1] < at {
			k++
		}
		for i := k; i < len(o) && o[i][0] <= r[1] && at <= r[1]; i++ {
			if o[i][0] > at {
				rest = append(rest, Span{at, o[i][0] - 1})
			}
			at = max(at, o[i][1]+1)
		}
		if at <= r[1] {
			rest = append(rest, Span{at, r[1]})
		}
	}
	return rest
}

// plus returns what is in either set.
func (s spans) plus(o spans) spans {
	all := make(spans, 0, len(s)+len(o))
	all = append(append(all, s...), o...)
	sort.Slice(all, func(i, k int) bool { return all[i][0] < all[k][0] })
	var sum spans
	for _, r := range all {
		if n := len(sum); n > 0 && r[0] <= sum[n-1][1]+1 {
			sum[n-1][1] = max(sum[n-1][1], r[1])
			continue
		}
		sum = append(sum, r)
	}
	return sum
}
