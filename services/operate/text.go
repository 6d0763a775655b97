package operate

import "strings"

// TextDiff compares two documents line by line: lines that only the second has begin with "+ ", lines that only the first
// has with "- ", and up to three common lines stand around them with two blanks; "…" stands for what is left out. Equal
// documents give nothing.
func TextDiff(from, to string) []string {
	a, b := lines(from), lines(to)
	var all []string
	i, j := 0, 0
	for common := lcs(a, b); i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, "- "+a[i])
			i++
		default:
			all = append(all, "+ "+b[j])
			j++
		}
	}
	return around(all)
}

func lines(text string) []string {
	if text = strings.TrimSuffix(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// lcs gives for each pair of positions how many lines what follows has in common.
func lcs(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}

const surroundings = 3 // common lines shown around a change

func around(all []string) []string {
	near := make([]bool, len(all))
	for i, line := range all {
		if line[0] != ' ' {
			for k := max(0, i-surroundings); k <= min(len(all)-1, i+surroundings); k++ {
				near[k] = true
			}
		}
	}
	var shown []string
	for i, line := range all {
		switch {
		case near[i]:
			shown = append(shown, line)
		case len(shown) > 0 && shown[len(shown)-1] != "…":
			shown = append(shown, "…")
		}
	}
	if n := len(shown); n > 0 && shown[n-1] == "…" {
		shown = shown[:n-1]
	}
	return shown
}
