// Package loss tells what the tables have and the stream lists as erased.
//
// A NATS server that finds its store without a file lists what was in it as erased,
// and goes on. The tables were made before and know better: they are made of all up to
// their checkpoint but the holes that they note. What goes beyond the bounds of what
// people erase one by one (streams.Erasures.Many) is rather a loss, and the tables may
// be the only copy. A rebuild refuses to replace them then; a backup, an archive, the
// doctor and a start say it. All of them ask here.
//
// What is missing at the stream's beginning was trimmed where an operator's decision or an
// archive accounts for it. An archive may be noted nowhere: so the rest (Beginning) is a
// note with what settles it, and no loss.
package loss
