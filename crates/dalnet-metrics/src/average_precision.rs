//! Average precision of multi-label classification.

use crate::error::{MetricError, check_finite, check_size};

/// Area under the precision-recall curve of one class, 0 to 1, without interpolation: the precision at each rank that
/// adds positives, weighted by the share of the positives that it adds. Pictures of equal score share a rank.
/// `None` without a positive picture.
///
/// `scores` `[N]`: larger is more likely; `positive` `[N]`.
///
/// # Errors
/// Different lengths, or scores that are not finite.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> Result<Option<f64>, MetricError> {
    check_size("the list of positives", positive.len(), scores.len())?;
    check_finite("the list of scores", scores)?;
    let positives = positive.iter().filter(|is_positive| **is_positive).count();
    if positives == 0 {
        return Ok(None);
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]));
    let (mut seen, mut found, mut area) = (0, 0, 0.0);
    for rank in order.chunk_by(|left, right| scores[*left] == scores[*right]) {
        let hits = rank.iter().filter(|index| positive[**index]).count();
        seen += rank.len();
        found += hits;
        area += hits as f64 * found as f64 / seen as f64;
    }
    Ok(Some(area / positives as f64))
}

/// Average precision of each class (`None` without a positive picture), and their mean over the classes that have one.
///
/// `scores` and multi-hot `labels` `[N, classes]`, row by row; a label above 0.5 is positive.
///
/// # Errors
/// Sizes that are not `[N, classes]`, or scores that are not finite.
pub fn mean_average_precision(
    scores: &[f32],
    labels: &[f32],
    classes: usize,
) -> Result<(Vec<Option<f64>>, Option<f64>), MetricError> {
    if classes == 0 {
        return Err(MetricError::Classes(classes));
    }
    check_size("the table of labels", labels.len(), scores.len())?;
    check_size("the table of scores", scores.len(), scores.len() / classes * classes)?;
    let column = |values: &[f32], class: usize| values.iter().skip(class).step_by(classes).copied().collect::<Vec<_>>();
    let each = (0..classes)
        .map(|class| {
            let positive: Vec<bool> = column(labels, class).into_iter().map(|label| label > 0.5).collect();
            average_precision(&column(scores, class), &positive)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let known: Vec<f64> = each.iter().flatten().copied().collect();
    let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    Ok((each, mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Positives at ranks 1 and 3: (1/1 + 2/3) / 2.
        let value = average_precision(&[0.9, 0.8, 0.7, 0.1], &[true, false, true, false]).unwrap().unwrap();
        assert!((value - 5.0 / 6.0).abs() < 1e-12);
        // All tied: the share of positives, in whatever order they come.
        assert_eq!(average_precision(&[0.5; 4], &[true, false, false, false]).unwrap(), Some(0.25));
        assert_eq!(average_precision(&[0.0, -0.0], &[false, true]).unwrap(), Some(0.5));
        assert_eq!(average_precision(&[0.5; 2], &[false, false]).unwrap(), None);
    }

    #[test]
    fn the_mean_leaves_classes_without_positives_out() {
        let (each, mean) =
            mean_average_precision(&[0.9, 0.1, 0.3, 0.2, 0.8, 0.3], &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 3).unwrap();
        assert_eq!(each, vec![Some(1.0), None, None]);
        assert_eq!(mean, Some(1.0));
    }

    #[test]
    fn refuses_with_the_values() {
        assert!(average_precision(&[0.1], &[]).is_err());
        assert!(average_precision(&[f32::INFINITY], &[true]).unwrap_err().to_string().contains("inf"));
        assert!(mean_average_precision(&[0.1; 4], &[0.0; 4], 3).unwrap_err().to_string().contains("4 values"));
        assert!(mean_average_precision(&[0.1; 4], &[0.0; 3], 2).is_err());
        assert!(mean_average_precision(&[], &[], 0).is_err());
    }
}
