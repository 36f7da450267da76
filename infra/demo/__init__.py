"""One official letter from a ministry to a province, its districts and communes, seen to arrive."""
